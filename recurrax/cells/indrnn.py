"""The independently recurrent network."""

import dataclasses
from typing import ClassVar, NamedTuple

from jaxtyping import Array, Float

from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Initializer, Uniform


class IndRNNParams(NamedTuple):
    """Parameters of `IndRNN`."""

    w_x: Float[Array, "D H"]
    u: Float[Array, "H"]
    b: Float[Array, "H"] | None


class IndRNNCarry(NamedTuple):
    """State of `IndRNN`."""

    h: Float[Array, "*B H"]


class IndRNNProjected(NamedTuple):
    """W x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class IndRNN(PlainCell):
    """Independently recurrent network (Li et al. 2018): every unit sees its own state only.

        h_t = activation(W x_t + u * h_{t-1} + b)

    A gradient over T steps is u^T times derivatives of the activation, so |u| <= 2^(1/T) bounds it (the paper's range
    for long memory is `recurrent_init=Uniform(0, 2 ** (1 / T))`). u is drawn as in the authors' code; W has the
    variance 1 / D here, and 2 / (65 D) there, where W x_t is normalised over the batch.

    Attributes:
      hidden_size: H.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, u and b are drawn.
    """

    activation: str = "relu"
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Uniform(0.0, 1.0)

    params_type = IndRNNParams
    carry_type = IndRNNCarry
    projected_type = IndRNNProjected
    diagonal: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        activation(self.activation)

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size,))

    def step(self, weights, carry, z, dot=dot):
        return IndRNNCarry(activation(self.activation)(z.h + weights.u * carry.h))
