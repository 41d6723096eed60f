"""The stackable recurrent cell."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class STARParams(NamedTuple):
    """Parameters of `STAR`, side by side in the order k, z."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "2*H"] | None


class STARCarry(NamedTuple):
    """State of `STAR`."""

    h: Float[Array, "*B H"]


class STARGates(NamedTuple):
    """The gate and the candidate; before the step, what the input adds to them."""

    k: Float[Array, "*B H"]
    z: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class STAR(GatedCell):
    """STAR, a stackable recurrent cell (Turkoglu et al. 2021, equations 8 to 10).

        z = tanh(W_z x_t + b_z)                         h_t = tanh((1 - k) * h_{t-1} + k * z)
        k = sigmoid(W_k x_t + U h_{t-1} + b_k)

    One gate, and a gradient that keeps its size in depth as in time: made for stacks of ten layers and more.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_k when it is drawn.
      use_bias, input_init, recurrent_init, bias_init: as in `GRU`.
    """

    carry_type = STARCarry
    projected_type = STARGates
    signed_gates = ("z",)

    def bias_shifts(self, forget, write):
        return {"k": -forget}

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = jax.random.split(key, 4)
        h = self.hidden_size
        return STARParams(
            w_x=self.input_init(key_x, (input_size, 2 * h), gates=2),
            w_h=self.recurrent_init(key_h, (h, h)),
            b=self.draw_bias(key_b, key_f, STARGates._fields) if self.use_bias else None,
        )

    def gates(self, weights, carry, z, dot=dot):
        return STARGates(k=sigmoid(z.k + dot(carry.h, weights.w_h)), z=jnp.tanh(z.z))

    def step(self, weights, carry, z, dot=dot):
        k, candidate = self.gates(weights, carry, z, dot)
        return STARCarry(jnp.tanh((1 - k) * carry.h + k * candidate))

    def retention(self, gates):
        return 1 - gates.k
