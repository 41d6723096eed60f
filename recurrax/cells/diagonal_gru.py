"""The gated recurrent unit whose units do not see each other."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell
from recurrax.cells.gru import GRUCarry, GRUGates
from recurrax.initializers import Initializer, Uniform


class DiagonalGRUParams(NamedTuple):
    """Parameters of `DiagonalGRU`, gates side by side in the order r, z, n."""

    w_x: Float[Array, "D 3*H"]
    u: Float[Array, "3*H"]
    b: Float[Array, "3*H"] | None


@dataclasses.dataclass(frozen=True)
class DiagonalGRU(GatedCell):
    """Gated recurrent unit with diagonal recurrent weights (ParaGRU of Danieli et al. 2025).

        r, z = sigmoid(W x_t + u * h_{t-1} + b)         h_t = (1 - z) * h_{t-1} + z * n
        n = tanh(W_n x_t + u_n * (r * h_{t-1}) + b_n)

    Its Jacobian is diagonal, so that Newton's method, the executor "newton", runs it over all steps at once.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, u and b are drawn.
    """

    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Uniform(-1.0, 1.0)

    params_type = DiagonalGRUParams
    carry_type = GRUCarry
    projected_type = GRUGates
    diagonal: ClassVar[bool] = True
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def bias_shifts(self, forget, write):
        return {"z": -forget}

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (3 * self.hidden_size,), gates=3)

    def gates(self, weights, carry, z, dot=dot):
        u_r, u_z, u_n = jnp.split(weights.u, 3)
        r = sigmoid(z.r + u_r * carry.h)
        return GRUGates(r=r, z=sigmoid(z.z + u_z * carry.h), n=jnp.tanh(z.n + u_n * (r * carry.h)))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return GRUCarry((1 - gate.z) * carry.h + gate.z * gate.n)

    def retention(self, gates):
        return 1 - gates.z
