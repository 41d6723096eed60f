"""The layer-normalised LSTM."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.cells._base.normalization import layer_norm
from recurrax.cells.lstm import LSTMCarry, LSTMGates
from recurrax.initializers import Chrono


class LayerNormLSTMParams(NamedTuple):
    """Parameters of `LayerNormLSTM`, gates side by side in the order i, f, g, o."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None
    gain_x: Float[Array, "4*H"] | None
    """None in the form "contrib", where gain_h multiplies the one norm that there is."""
    gain_h: Float[Array, "4*H"]
    gain_c: Float[Array, "H"]
    b_c: Float[Array, "H"] | None


@dataclasses.dataclass(frozen=True)
class LayerNormLSTM(GatedCell):
    """LSTM with layer normalisation (Ba, Kiros & Hinton 2016).

        a = gain_x * norm(W x_t) + gain_h * norm(U h_{t-1}) + b          i, f, o = sigmoid(a_i, a_f, a_o)
        c_t = f * c_{t-1} + i * tanh(a_g)                                h_t = o * tanh(gain_c * norm(c_t) + b_c)

        "addons":   c_t = gain_c * norm(f * c_{t-1} + i * tanh(a_g)) + b_c          h_t = o * tanh(c_t)
        "contrib":  this, and a = gain_h * norm(W x_t + U h_{t-1}) + b, gate by gate

    Pre-activations keep one scale however weights and state grow: for high learning rates and long sequences. norm is
    taken over all four gates together, except in "contrib", which takes it over each on its own. b is the sum of the
    paper's two shifts and its bias, which can do no more.

    The two other forms are those of TensorFlow: `LayerNormLSTMCell` of its Addons (epsilon 1e-3), and the older
    `LayerNormBasicLSTMCell` of its contrib (epsilon 1e-12). Both carry the normalised c_t.

    Attributes:
      hidden_size, forget_bias, use_bias, input_init, recurrent_init, bias_init: as in `LSTM`.
      form: "paper", "addons" or "contrib".
      epsilon: added to the variance.
    """

    form: str = "paper"
    epsilon: float = 1e-5
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    carry_type = LSTMCarry
    projected_type = LSTMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("g",)

    def __post_init__(self):
        super().__post_init__()
        checks.choice("form", self.form, ("paper", "addons", "contrib"))
        checks.positive("epsilon", self.epsilon)

    def bias_shifts(self, forget, write):
        return {"i": write, "f": forget}

    def init(self, key, input_size):
        w_x, w_h, b = self.draw(jax.random.split(key, 4), input_size)
        gain = jnp.ones(4 * self.hidden_size)
        return LayerNormLSTMParams(
            *(w_x, w_h, b),
            *(None if self.form == "contrib" else gain, gain, jnp.ones(self.hidden_size)),
            b_c=jnp.zeros(self.hidden_size) if self.use_bias else None,
        )

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        if self.form != "contrib":
            z = _shifted(layer_norm(z, weights.gain_x, self.epsilon), weights.b)
        return LSTMGates(*jnp.split(z, 4, axis=-1))

    def _pre_activations(self, weights, u: jax.Array, z: LSTMGates) -> LSTMGates:
        if self.form != "contrib":
            u = layer_norm(u, weights.gain_h, self.epsilon)
            return LSTMGates(*(a + b for a, b in zip(z, jnp.split(u, 4, axis=-1), strict=True)))
        b = [None] * 4 if weights.b is None else jnp.split(weights.b, 4)
        gates = zip(z, jnp.split(u, 4, axis=-1), jnp.split(weights.gain_h, 4), b, strict=True)
        return LSTMGates(*(_shifted(layer_norm(w + v, gain, self.epsilon), shift) for w, v, gain, shift in gates))

    def gates(self, weights, carry, z, dot=dot):
        a = self._pre_activations(weights, dot(carry.h, weights.w_h), z)
        return LSTMGates(sigmoid(a.i), sigmoid(a.f), jnp.tanh(a.g), sigmoid(a.o))

    def step(self, weights, carry, z, dot=dot):
        i, f, g, o = self.gates(weights, carry, z, dot)
        c = f * carry.c + i * g
        normalized = _shifted(layer_norm(c, weights.gain_c, self.epsilon), weights.b_c)
        return LSTMCarry(h=o * jnp.tanh(normalized), c=c if self.form == "paper" else normalized)

    def retention(self, gates):
        return gates.f if self.form == "paper" else None


def _shifted(a: jax.Array, shift: jax.Array | None) -> jax.Array:
    return a if shift is None else a + shift
