"""The stackable recurrent cell."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Initializer, OrthogonalPerGate


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
    """STAR, a stackable recurrent cell (Turkoglu et al. 2021).

        z = tanh(W_z x_t + b_z)                         h_t = tanh((1 - k) * h_{t-1} + k * z)
        k = sigmoid(W_k x_t + U h_{t-1} + b_k)

    One gate, and a gradient that keeps its size in depth as in time: made for stacks of ten layers and more. At the
    start all matrices are orthogonal, as in the authors' code; that draws b_k by `Chrono` for the length of its task,
    and shuts the input less than k says, as `JANET` does with beta = 1.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_k when it is drawn.
      use_bias, input_init, recurrent_init, bias_init: as in `GRU`.
    """

    _: dataclasses.KW_ONLY
    input_init: Initializer = OrthogonalPerGate()

    params_type = STARParams
    carry_type = STARCarry
    projected_type = STARGates
    signed_gates: ClassVar[tuple[str, ...]] = ("z",)

    def bias_shifts(self, forget, write):
        return {"k": -forget}

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size, self.hidden_size))

    def gates(self, weights, carry, z, dot=dot):
        return STARGates(k=sigmoid(z.k + dot(carry.h, weights.w_h)), z=jnp.tanh(z.z))

    def step(self, weights, carry, z, dot=dot):
        k, candidate = self.gates(weights, carry, z, dot)
        return STARCarry(jnp.tanh((1 - k) * carry.h + k * candidate))

    def retention(self, gates):
        return 1 - gates.k
