"""The independently recurrent network."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.initializers import Gaussian, Initializer, Uniform, Zeros, check_initializers


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
class IndRNN(Cell):
    """Independently recurrent network (Li et al. 2018): every unit sees its own state only.

        h_t = activation(W x_t + u * h_{t-1} + b)

    A gradient over T steps is u^T times derivatives of the activation, so |u| <= 2^(1/T) bounds it (the paper's range
    for long memory is `recurrent_init=Uniform(0, 2 ** (1 / T))`).

    Attributes:
      hidden_size: H.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, u and b are drawn.
    """

    hidden_size: int
    activation: str = "relu"
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = Uniform(0.0, 1.0)
    bias_init: Initializer = Zeros()

    diagonal = True

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        activation(self.activation)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_u, key_b = jax.random.split(key, 3)
        h = self.hidden_size
        return IndRNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            u=self.recurrent_init(key_u, (h,)),
            b=self.bias_init(key_b, (h,)) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return IndRNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.u.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return IndRNNProjected(z if weights.b is None else z + weights.b)

    def step(self, weights, carry, z, dot=dot):
        return IndRNNCarry(activation(self.activation)(z.h + weights.u * carry.h))
