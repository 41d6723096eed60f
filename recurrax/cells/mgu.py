"""The minimal gated unit."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class MGUParams(NamedTuple):
    """Parameters of `MGU`, gates side by side in the order f, n."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class MGUCarry(NamedTuple):
    """State of `MGU`."""

    h: Float[Array, "*B H"]


class MGUGates(NamedTuple):
    """The gates of `MGU`: their input projections before the step, their activated values after."""

    f: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MGU(GatedCell):
    """Minimal gated unit (Zhou et al. 2016): the GRU with one gate in the place of its two.

        f = sigmoid(W x_t + U h_{t-1} + b)              h_t = (1 - f) * h_{t-1} + f * n
        n = tanh(W x_t + U (f * h_{t-1}) + b)

    As in the paper f says how much is forgotten and written; Flax's MGUCell weighs h_t the other way round and
    multiplies by f after the product.

    Attributes:
      hidden_size: H.
      forget_bias: taken from b_f when it is drawn, so that 1 - f = sigmoid(forget_bias) at zero pre-activation: a
        number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    params_type = MGUParams
    carry_type = MGUCarry
    projected_type = MGUGates
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def bias_shifts(self, forget, write):
        return {"f": -forget}

    def gates(self, weights, carry, z, dot=dot):
        u_f, u_n = jnp.split(weights.w_h, 2, axis=-1)
        f = sigmoid(z.f + dot(carry.h, u_f))
        return MGUGates(f=f, n=jnp.tanh(z.n + dot(f * carry.h, u_n)))

    def step(self, weights, carry, z, dot=dot):
        f, n = self.gates(weights, carry, z, dot)
        return MGUCarry((1 - f) * carry.h + f * n)

    def retention(self, gates):
        return 1 - gates.f
