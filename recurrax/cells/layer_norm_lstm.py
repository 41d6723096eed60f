"""The layer-normalised LSTM."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell
from recurrax.cells._base.normalization import layer_norm
from recurrax.cells.lstm import LSTMCarry, LSTMGates
from recurrax.initializers import Chrono


class LayerNormLSTMParams(NamedTuple):
    """Parameters of `LayerNormLSTM`, gates side by side in the order i, f, g, o."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None
    gain_x: Float[Array, "4*H"]
    gain_h: Float[Array, "4*H"]
    gain_c: Float[Array, "H"]
    b_c: Float[Array, "H"] | None


@dataclasses.dataclass(frozen=True)
class LayerNormLSTM(GatedCell):
    """LSTM with layer normalisation (Ba, Kiros & Hinton 2016, equations 20 to 22).

        a = gain_x * norm(W x_t) + gain_h * norm(U h_{t-1}) + b          i, f, o = sigmoid(a_i, a_f, a_o)
        c_t = f * c_{t-1} + i * tanh(a_g)                                h_t = o * tanh(gain_c * norm(c_t) + b_c)

    Pre-activations keep one scale however weights and state grow: for high learning rates and long sequences. norm is
    taken over all four gates together, as in the paper; `per_gate` does it gate by gate, as TensorFlow's cell did. b is
    the sum of the paper's two shifts and its bias, which can do no more.

    Attributes:
      hidden_size, forget_bias, use_bias, input_init, recurrent_init, bias_init: as in `LSTM`.
      per_gate: whether every gate is normalised on its own.
      epsilon: added to the variance.
    """

    per_gate: bool = False
    epsilon: float = 1e-5
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = 1.0

    carry_type = LSTMCarry
    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def __post_init__(self):
        super().__post_init__()
        checks.positive("epsilon", self.epsilon)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        w_x, w_h, b = self.draw(jax.random.split(key, 4), input_size)
        gain = jnp.ones(4 * self.hidden_size)
        return LayerNormLSTMParams(
            *(w_x, w_h, b),
            *(gain, gain, jnp.ones(self.hidden_size)),
            b_c=jnp.zeros(self.hidden_size) if self.use_bias else None,
        )

    def _normalized(self, a: jax.Array, gain: jax.Array) -> jax.Array:
        if not self.per_gate:
            return layer_norm(a, gain, self.epsilon)
        parts = zip(jnp.split(a, 4, axis=-1), jnp.split(gain, 4), strict=True)
        return jnp.concatenate([layer_norm(part, g, self.epsilon) for part, g in parts], axis=-1)

    def project(self, weights, x, key=None):
        z = self._normalized(x @ weights.w_x, weights.gain_x)
        return LSTMGates(*jnp.split(z if weights.b is None else z + weights.b, 4, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(self._normalized(dot(carry.h, weights.w_h), weights.gain_h), 4, axis=-1))
        return LSTMGates(sigmoid(z.i + u.i), sigmoid(z.f + u.f), jnp.tanh(z.g + u.g), sigmoid(z.o + u.o))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        a = layer_norm(c, weights.gain_c, self.epsilon)
        return LSTMCarry(h=o * jnp.tanh(a if weights.b_c is None else a + weights.b_c), c=c)

    def retention(self, gates):
        return gates.f
