"""The convolutional LSTM."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.convolution import ConvolutionalCell, convolve
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells.lstm import LSTMGates
from recurrax.initializers import Chrono, Initializer, Uniform


class ConvLSTMParams(NamedTuple):
    """Parameters of `ConvLSTM`, gates side by side in the order i, f, g, o; *K is the kernel's window."""

    w_x: Float[Array, "*K D 4*H"]
    w_h: Float[Array, "*K H 4*H"]
    b: Float[Array, "4*H"] | None
    p: Float[Array, "3 *S H"] | None
    """Peepholes of i, f and o."""


class ConvLSTMCarry(NamedTuple):
    """State of `ConvLSTM`, `[*B, *S, H]`."""

    h: Float[Array, "... H"]
    c: Float[Array, "... H"]


@dataclasses.dataclass(frozen=True)
class ConvLSTM(ConvolutionalCell):
    """Convolutional LSTM over one to three spatial axes (Shi et al. 2015).

        i, f = sigmoid(W ** x_t + U ** h_{t-1} + p * c_{t-1} + b)       g = tanh(W ** x_t + U ** h_{t-1} + b)
        c_t = f * c_{t-1} + i * g
        o = sigmoid(W ** x_t + U ** h_{t-1} + p * c_t + b)              h_t = o * tanh(c_t)

    For sequences of fields and pictures: radar echoes, weather, video. ** is a convolution whose result keeps the size,
    with zeros around. Inputs are `[T, *B, *S, D]`, channels last.

    Attributes:
      hidden_size: H, channels of the state.
      spatial_shape: S, one to three sizes.
      kernel_size: of the windows of W and U along every axis.
      peepholes: whether gates see the cell state, by a weight per place and channel, as in the paper.
      forget_bias, use_bias, bias_init: as in `LSTM`.
      input_init, recurrent_init: how W and U are drawn, as matrices whose rows are the places of a window.
      peephole_init: how p is drawn.
    """

    peepholes: bool = True
    peephole_init: Initializer = Uniform(-0.1, 0.1)
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    carry_type = ConvLSTMCarry
    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        *keys, key_p = jax.random.split(key, 5)
        p = self.peephole_init(key_p, (3, *self.spatial_shape, self.hidden_size)) if self.peepholes else None
        return ConvLSTMParams(*self.draw(keys, input_size), p)

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(dot(carry.h, weights.w_h, convolve), 4, axis=-1))
        p_i, p_f, p_o = (0, 0, 0) if weights.p is None else weights.p
        i, f = sigmoid(z.i + u.i + p_i * carry.c), sigmoid(z.f + u.f + p_f * carry.c)
        g = jnp.tanh(z.g + u.g)
        return LSTMGates(i, f, g, sigmoid(z.o + u.o + p_o * (f * carry.c + i * g)))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        return ConvLSTMCarry(h=o * jnp.tanh(c), c=c)

    def retention(self, gates):
        return gates.f
