"""Long short-term memory."""

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


class LSTMParams(NamedTuple):
    """Parameters of `LSTM`, gates side by side in the order i, f, g, o."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None


class LSTMCarry(NamedTuple):
    """State of `LSTM`."""

    h: Float[Array, "*B H"]
    c: Float[Array, "*B H"]


class LSTMGates(NamedTuple):
    """The gates of `LSTM`: their input projections before the step, their activated values after."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]
    o: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

        i, f, o = sigmoid(W x_t + U h_{t-1} + b)        g = tanh(W x_t + U h_{t-1} + b)
        c_t = f * c_{t-1} + i * g                       h_t = o * tanh(c_t)

    Attributes:
      hidden_size: H.
      forget_bias: added to b_f when it is drawn, never in the step: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    hidden_size: int
    forget_bias: float | Chrono = 1.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    signed_gates = ("g",)

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        check_forget_bias(self.forget_bias, self.use_bias)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        return LSTMParams(
            w_x=self.input_init(key_x, (input_size, 4 * h), gates=4),
            w_h=self.recurrent_init(key_h, (h, 4 * h), gates=4),
            b=self._bias(key_b, key_f) if self.use_bias else None,
        )

    def _bias(self, key_b, key_f):
        h = self.hidden_size
        forget, write = memory_biases(self.forget_bias, key_f, h)
        return self.bias_init(key_b, (4 * h,), gates=4).at[: 2 * h].add(jnp.concatenate([write, forget]))

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype)
        return LSTMCarry(h=zeros, c=zeros)

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return LSTMGates(*jnp.split(z if weights.b is None else z + weights.b, 4, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(dot(carry.h, weights.w_h), 4, axis=-1))
        return LSTMGates(sigmoid(z.i + u.i), sigmoid(z.f + u.f), jnp.tanh(z.g + u.g), sigmoid(z.o + u.o))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        return LSTMCarry(h=o * jnp.tanh(c), c=c)

    def retention(self, gates):
        return gates.f
