"""The minimal gated unit."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax import checks
from recurrax.cells.cell import Cell, dot
from recurrax.initializers import (
    Chrono,
    Gaussian,
    Initializer,
    OrthogonalPerGate,
    Zeros,
    check_forget_bias,
    check_initializers,
    memory_biases,
)


class MGUParams(NamedTuple):
    """Parameters of `MGU`, gates side by side in the order f, n."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class MGUCarry(NamedTuple):
    """State of `MGU`."""

    h: Float[Array, "*B H"]


class MGUGates(NamedTuple):
    """The gates of `MGU`: their input projections before the step, their activated values after."""

    f: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MGU(Cell):
    """Minimal gated unit (Zhou et al. 2016): the GRU with one gate in the place of its two.

        f = sigmoid(W x_t + U h_{t-1} + b)              h_t = (1 - f) * h_{t-1} + f * n
        n = tanh(W x_t + U (f * h_{t-1}) + b)

    As in the paper f says how much is forgotten and written; Flax's MGUCell weighs h_t the other way round and
    multiplies by f after the product.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_f when it is drawn, so that 1 - f = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    hidden_size: int
    forget_bias: float | Chrono = 0.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    signed_gates = ("n",)

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        check_forget_bias(self.forget_bias, self.use_bias)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        forget, _ = memory_biases(self.forget_bias, key_f, h)
        return MGUParams(
            w_x=self.input_init(key_x, (input_size, 2 * h), gates=2),
            w_h=self.recurrent_init(key_h, (h, 2 * h), gates=2),
            b=self.bias_init(key_b, (2 * h,), gates=2).at[:h].add(-forget) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return MGUCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return MGUGates(*jnp.split(z if weights.b is None else z + weights.b, 2, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u_f, u_n = jnp.split(weights.w_h, 2, axis=-1)
        f = sigmoid(z.f + dot(carry.h, u_f))
        return MGUGates(f=f, n=jnp.tanh(z.n + dot(f * carry.h, u_n)))

    def step(self, weights, carry, z, dot=dot):
        f, n = self.gates(weights, carry, z, dot)
        return MGUCarry((1 - f) * carry.h + f * n)

    def retention(self, gates):
        return 1 - gates.f
