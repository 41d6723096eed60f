"""The simple recurrent network."""

import dataclasses
from typing import NamedTuple

from jaxtyping import Array, Float

from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell


class RNNParams(NamedTuple):
    """Parameters of `RNN`."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "H"] | None


class RNNCarry(NamedTuple):
    """State of `RNN`."""

    h: Float[Array, "*B H"]


class RNNProjected(NamedTuple):
    """W x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class RNN(PlainCell):
    """Simple recurrent network (Elman 1990).

        h_t = activation(W x_t + U h_{t-1} + b)

    The plain recurrent network, whose gradient fades or explodes by its matrix: the baseline of every study here.

    Attributes:
      hidden_size: H.
      activation: a name in `recurrax.activations.ACTIVATIONS`; "identity" gives the linear network.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    activation: str = "tanh"

    params_type = RNNParams
    carry_type = RNNCarry
    projected_type = RNNProjected

    def __post_init__(self):
        super().__post_init__()
        activation(self.activation)

    def step(self, weights, carry, z, dot=dot):
        return RNNCarry(activation(self.activation)(z.h + dot(carry.h, weights.w_h)))
