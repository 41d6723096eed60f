"""The light gated recurrent unit."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class LiGRUParams(NamedTuple):
    """Parameters of `LiGRU`, side by side in the order z, n."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class LiGRUCarry(NamedTuple):
    """State of `LiGRU`."""

    h: Float[Array, "*B H"]


class LiGRUProjected(NamedTuple):
    """W x_t + b, of the gate and of the candidate."""

    z: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


class LiGRUGates(NamedTuple):
    """The gate of `LiGRU`."""

    z: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LiGRU(GatedCell):
    """Light gated recurrent unit (Ravanelli et al. 2018): a GRU without reset gate, with ReLU in the place of tanh.

        z = sigmoid(W x_t + U h_{t-1} + b)              h_t = z * h_{t-1} + (1 - z) * n
        n = relu(W x_t + U h_{t-1} + b)

    Made for speech, where the reset gate was found to repeat what the update gate says. As in the paper z says how much
    is kept; the GRU here weighs the other way round. The paper normalises W x_t over the batch, which keeps the
    unbounded candidate in check: that needs statistics of a batch and is no part of a cell, so without a normalisation
    around it large U make this cell explode.

    Attributes:
      hidden_size: H.
      activation: of the candidate, a name in `recurrax.activations.ACTIVATIONS`.
      forget_bias: added to b_z when it is drawn, so that z = sigmoid(forget_bias) at zero pre-activation: a number, or
        `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    activation: str = "relu"

    params_type = LiGRUParams
    carry_type = LiGRUCarry
    projected_type = LiGRUProjected

    def __post_init__(self):
        super().__post_init__()
        activation(self.activation)

    def bias_shifts(self, forget, write):
        return {"z": forget}

    def gates(self, weights, carry, z, dot=dot):
        u_z, _ = jnp.split(weights.w_h, 2, axis=-1)
        return LiGRUGates(sigmoid(z.z + dot(carry.h, u_z)))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        _, u_n = jnp.split(weights.w_h, 2, axis=-1)
        n = activation(self.activation)(z.n + dot(carry.h, u_n))
        return LiGRUCarry(gate.z * carry.h + (1 - gate.z) * n)

    def retention(self, gates):
        return gates.z
