"""The layer-normalised GRU."""

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
from recurrax.cells.gru import GRUCarry, GRUGates


class LayerNormGRUParams(NamedTuple):
    """Parameters of `LayerNormGRU`, gates side by side in the order r, z, n."""

    w_x: Float[Array, "D 3*H"]
    w_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"] | None
    gain_x: Float[Array, "3*H"]
    gain_h: Float[Array, "3*H"]
    b_hn: Float[Array, "H"] | None


@dataclasses.dataclass(frozen=True)
class LayerNormGRU(GatedCell):
    """GRU with layer normalisation (Ba, Kiros & Hinton 2016).

        r, z = sigmoid(gain_x * norm(W x_t) + gain_h * norm(U h_{t-1}) + b)
        n = tanh(gain_x * norm(W x_t) + b + r * (gain_h * norm(U h_{t-1}) + b_hn))
        h_t = (1 - z) * h_{t-1} + z * n

    Pre-activations keep one scale however weights and state grow. norm is taken over r and z together, and over n on
    its own, as in the paper, whose z weighs the same way round; it resets after the product.

    Attributes:
      hidden_size, forget_bias, use_bias, input_init, recurrent_init, bias_init: as in `GRU`.
      epsilon: added to the variance.
    """

    epsilon: float = 1e-5

    carry_type = GRUCarry
    projected_type = GRUGates
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def __post_init__(self):
        super().__post_init__()
        checks.positive("epsilon", self.epsilon)

    def bias_shifts(self, forget, write):
        return {"z": -forget}

    def init(self, key, input_size):
        w_x, w_h, b = self.draw(jax.random.split(key, 4), input_size)
        gain = jnp.ones(3 * self.hidden_size)
        return LayerNormGRUParams(w_x, w_h, b, gain, gain, jnp.zeros(self.hidden_size) if self.use_bias else None)

    def _normalized(self, a: jax.Array, gain: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns r, z and n."""
        (a_rz, a_n), (g_rz, g_n) = (jnp.split(v, [2 * self.hidden_size], axis=-1) for v in (a, gain))
        r, z = jnp.split(layer_norm(a_rz, g_rz, self.epsilon), 2, axis=-1)
        return r, z, layer_norm(a_n, g_n, self.epsilon)

    def project(self, weights, x, key=None):
        z = jnp.concatenate(self._normalized(x @ weights.w_x, weights.gain_x), axis=-1)
        return GRUGates(*jnp.split(z if weights.b is None else z + weights.b, 3, axis=-1))

    def gates(self, weights, carry, z, dot=dot):
        u_r, u_z, u_n = self._normalized(dot(carry.h, weights.w_h), weights.gain_h)
        r = sigmoid(z.r + u_r)
        u_n = u_n if weights.b_hn is None else u_n + weights.b_hn
        return GRUGates(r=r, z=sigmoid(z.z + u_z), n=jnp.tanh(z.n + r * u_n))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return GRUCarry((1 - gate.z) * carry.h + gate.z * gate.n)

    def retention(self, gates):
        return 1 - gates.z
