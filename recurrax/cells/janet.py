"""The LSTM that has a forget gate and nothing else."""

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


class JANETParams(NamedTuple):
    """Parameters of `JANET`, gates side by side in the order f, g."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class JANETCarry(NamedTuple):
    """State of `JANET`."""

    h: Float[Array, "*B H"]


class JANETProjected(NamedTuple):
    """W x_t + b, by gate."""

    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


class JANETGates(NamedTuple):
    """The activated gates of `JANET`."""

    f: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class JANET(Cell):
    """Just another network (van der Westhuizen & Lasenby 2018): an LSTM reduced to its forget gate.

        s = W x_t + U h_{t-1} + b                       g = tanh(W x_t + U h_{t-1} + b)
        f = sigmoid(s),  i = 1 - sigmoid(s - beta)      h_t = f * h_{t-1} + i * g

    With beta > 0 more is written than is forgotten: f + i > 1, and a unit may leave (-1, 1).

    Attributes:
      hidden_size: H.
      beta: how far the input gate lags behind the forget gate.
      forget_bias: added to b_f when it is drawn; the paper draws it by `Chrono`.
      use_bias: whether b is there; without it `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    hidden_size: int
    beta: float = 1.0
    forget_bias: float | Chrono = 1.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    signed_gates = ("g",)

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.finite("beta", self.beta)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        check_forget_bias(self.forget_bias, self.use_bias)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        forget, _ = memory_biases(self.forget_bias, key_f, h)
        return JANETParams(
            w_x=self.input_init(key_x, (input_size, 2 * h), gates=2),
            w_h=self.recurrent_init(key_h, (h, 2 * h), gates=2),
            b=self.bias_init(key_b, (2 * h,), gates=2).at[:h].add(forget) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        return JANETCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return JANETProjected(*jnp.split(z if weights.b is None else z + weights.b, 2, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u_f, u_g = jnp.split(dot(carry.h, weights.w_h), 2, axis=-1)
        s = z.f + u_f
        # 1 - sigmoid(a) is sigmoid(-a), which keeps its digits where it is small.
        return JANETGates(f=sigmoid(s), i=sigmoid(self.beta - s), g=jnp.tanh(z.g + u_g))

    def step(self, weights, carry, z, dot=dot):
        f, i, g = self.gates(weights, carry, z, dot)
        return JANETCarry(f * carry.h + i * g)

    def retention(self, gates):
        return gates.f
