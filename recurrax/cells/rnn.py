"""The simple recurrent network."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.initializers import Gaussian, Initializer, OrthogonalPerGate, Zeros, check_initializers


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
class RNN(Cell):
    """Simple recurrent network (Elman 1990).

        h_t = activation(W x_t + U h_{t-1} + b)

    The plain recurrent network, whose gradient fades or explodes by its matrix: the baseline of every study here.

    Attributes:
      hidden_size: H.
      activation: a name in `recurrax.activations.ACTIVATIONS`; "identity" gives the linear network.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    hidden_size: int
    activation: str = "tanh"
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        activation(self.activation)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b = jax.random.split(key, 3)
        h = self.hidden_size
        return RNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            w_h=self.recurrent_init(key_h, (h, h)),
            b=self.bias_init(key_b, (h,)) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return RNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return RNNProjected(z if weights.b is None else z + weights.b)

    def step(self, weights, carry, z, dot=dot):
        return RNNCarry(activation(self.activation)(z.h + dot(carry.h, weights.w_h)))
