"""Long short-term memory."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Chrono


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
class LSTM(GatedCell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

        i, f, o = sigmoid(W x_t + U h_{t-1} + b)        g = tanh(W x_t + U h_{t-1} + b)
        c_t = f * c_{t-1} + i * g                       h_t = o * tanh(c_t)

    The cell state c is carried from step to step by the forget gate alone, without a matrix in between: the path by
    which gradients of early steps survive. The default where nothing is known of the task.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_f when it is drawn, never in the step: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    params_type = LSTMParams
    carry_type = LSTMCarry
    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(dot(carry.h, weights.w_h), 4, axis=-1))
        return LSTMGates(sigmoid(z.i + u.i), sigmoid(z.f + u.f), jnp.tanh(z.g + u.g), sigmoid(z.o + u.o))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        return LSTMCarry(h=o * jnp.tanh(c), c=c)

    def retention(self, gates):
        return gates.f
