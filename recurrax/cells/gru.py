"""The gated recurrent unit, in its two forms."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class GRUParams(NamedTuple):
    """Parameters of `GRU`, gates side by side in the order r, z, n."""

    w_x: Float[Array, "D 3*H"]
    w_h: Float[Array, "H 3*H"]
    b: Float[Array, "3*H"] | None
    b_hn: Float[Array, "H"] | None


class GRUCarry(NamedTuple):
    """State of `GRU`."""

    h: Float[Array, "*B H"]


class GRUGates(NamedTuple):
    """The gates of `GRU`: their input projections before the step, their activated values after."""

    r: Float[Array, "*B H"]
    z: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class GRU(GatedCell):
    """Gated recurrent unit (Cho et al. 2014), with z as in Chung et al. (2014).

        r, z = sigmoid(W x_t + U h_{t-1} + b)           h_t = (1 - z) * h_{t-1} + z * n
        reset="before":  n = tanh(W x_t + U (r * h_{t-1}) + b)
        reset="after":   n = tanh(W x_t + b + r * (U h_{t-1} + b_hn))

    "before" is the form of both papers (Cho et al. since arXiv's third version); "after" is that of cuDNN, PyTorch and
    Flax. Cho et al. and those libraries weigh h_t the other way round, `z * h_{t-1} + (1 - z) * n`: their z is 1 - z
    here. No parameters turn "before" into "after".

    Three quarters of an LSTM's parameters and one state instead of two; about as good on most tasks.

    Attributes:
      hidden_size: H.
      reset: "before" or "after".
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether the biases are there; without them `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and the biases are drawn.
    """

    reset: str = "before"

    params_type = GRUParams
    carry_type = GRUCarry
    projected_type = GRUGates
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def __post_init__(self):
        super().__post_init__()
        checks.choice("reset", self.reset, ("before", "after"))

    def bias_shifts(self, forget, write):
        return {"z": -forget}

    def init(self, key, input_size):
        key_x, key_h, key_b, key_n, key_f = jax.random.split(key, 5)
        w_x, w_h, b = self.draw((key_x, key_h, key_b, key_f), input_size)
        after = self.use_bias and self.reset == "after"
        return GRUParams(w_x, w_h, b, b_hn=self.bias_init(key_n, (self.hidden_size,)) if after else None)

    def gates(self, weights, carry, z, dot=dot):
        return (self._gates_before if self.reset == "before" else self._gates_after)(weights, carry.h, z, dot)

    def _gates_before(self, weights, h, z, dot):
        u_rz, u_n = jnp.split(weights.w_h, [2 * self.hidden_size], axis=-1)
        u_r, u_z = jnp.split(dot(h, u_rz), 2, axis=-1)
        r = sigmoid(z.r + u_r)
        return GRUGates(r=r, z=sigmoid(z.z + u_z), n=jnp.tanh(z.n + dot(r * h, u_n)))

    def _gates_after(self, weights, h, z, dot):
        u_r, u_z, u_n = jnp.split(dot(h, weights.w_h), 3, axis=-1)
        u_n = u_n if weights.b_hn is None else u_n + weights.b_hn
        r = sigmoid(z.r + u_r)
        return GRUGates(r=r, z=sigmoid(z.z + u_z), n=jnp.tanh(z.n + r * u_n))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return GRUCarry((1 - gate.z) * carry.h + gate.z * gate.n)

    def retention(self, gates):
        return 1 - gates.z
