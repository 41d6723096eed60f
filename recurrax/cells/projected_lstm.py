"""The LSTM whose output is projected to fewer units."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.lstm import LSTMGates
from recurrax.initializers import Chrono, Gaussian, Initializer


class ProjectedLSTMParams(NamedTuple):
    """Parameters of `ProjectedLSTM`, gates side by side in the order i, f, g, o; P = `output_size`."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "P 4*H"]
    b: Float[Array, "4*H"] | None
    w_r: Float[Array, "H P"]


class ProjectedLSTMCarry(NamedTuple):
    """State of `ProjectedLSTM`."""

    h: Float[Array, "*B P"]
    c: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class ProjectedLSTM(GatedCell):
    """LSTM with a recurrent projection layer, LSTMP (Sak, Senior & Beaufays 2014), without peepholes.

        i, f, o = sigmoid(W x_t + U h_{t-1} + b)        c_t = f * c_{t-1} + i * g
        g = tanh(W x_t + U h_{t-1} + b)                 h_t = R (o * tanh(c_t))

    A large memory c behind small recurrent matrices: for speech and language models with thousands of units. It is
    PyTorch's `LSTM(proj_size=...)`.

    Attributes:
      hidden_size: H, units of c.
      output_size: P, units of h; None for half of H, one at least.
      forget_bias, use_bias, input_init, bias_init: as in `LSTM`.
      recurrent_init: how U is drawn, Gaussian since it is not square.
      projection_init: how R is drawn.
    """

    output_size: int | None = None
    projection_init: Initializer = Gaussian()
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)
    recurrent_init: Initializer = Gaussian()

    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        *keys, key_r = jax.random.split(key, 5)
        w_r = self.projection_init(key_r, (self.hidden_size, self.size_of_output))
        return ProjectedLSTMParams(*self.draw(keys, input_size), w_r)

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.size_of_output, 4 * self.hidden_size), gates=4)

    @property
    def size_of_output(self) -> int:
        """P."""
        return max(1, self.hidden_size // 2) if self.output_size is None else self.output_size

    def initial_carry(self, weights, batch_shape=()):
        sizes = self.size_of_output, self.hidden_size
        return ProjectedLSTMCarry(*(jnp.zeros((*batch_shape, size), weights.w_h.dtype) for size in sizes))

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(dot(carry.h, weights.w_h), 4, axis=-1))
        return LSTMGates(sigmoid(z.i + u.i), sigmoid(z.f + u.f), jnp.tanh(z.g + u.g), sigmoid(z.o + u.o))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        return ProjectedLSTMCarry(h=dot(o * jnp.tanh(c), weights.w_r), c=c)

    def retention(self, gates):
        return gates.f
