"""Long expressive memory."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Initializer, TorchUniform


class LEMParams(NamedTuple):
    """Parameters of `LEM`, side by side in the order dz, dy, z, y; the last block of `w_h` multiplies z_t."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None


class LEMCarry(NamedTuple):
    """State of `LEM`: slow and fast."""

    y: Float[Array, "*B H"]
    z: Float[Array, "*B H"]


class LEMGates(NamedTuple):
    """Steps of time in units of dt, and candidates; before the step, what the input adds to them."""

    dz: Float[Array, "*B H"]
    dy: Float[Array, "*B H"]
    z: Float[Array, "*B H"]
    y: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LEM(GatedCell):
    """Long expressive memory (Rusch et al. 2022): two states, each with time steps that it learns.

        dz, dy = sigmoid(U y_{t-1} + V x_t + b)
        z_t = (1 - dt dz) z_{t-1} + dt dz tanh(U_z y_{t-1} + V_z x_t + b_z)
        y_t = (1 - dt dy) y_{t-1} + dt dy tanh(U_y z_t + V_y x_t + b_y)

    For sequences with several time scales at once: every unit chooses how fast it moves from step to step. Output is y.

    At the start all is from U(-1, 1) / sqrt(H), as in the authors' code; b is the sum of the two biases there.

    Attributes:
      hidden_size: H.
      time_step: dt, at most 1.
      forget_bias: taken from the biases of dz and dy when they are drawn.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how V, U and b are drawn.
    """

    time_step: float = 1.0
    _: dataclasses.KW_ONLY
    input_init: Initializer = TorchUniform()
    recurrent_init: Initializer = TorchUniform()
    bias_init: Initializer = TorchUniform(draws=2)

    params_type = LEMParams
    carry_type = LEMCarry
    projected_type = LEMGates
    signed_gates: ClassVar[tuple[str, ...]] = ("z", "y")

    def __post_init__(self):
        super().__post_init__()
        checks.positive("time_step", self.time_step)
        if self.time_step > 1:
            raise ValueError(f"time_step must be at most 1, got {self.time_step}: a step would overshoot.")

    def bias_shifts(self, forget, write):
        return {"dz": -forget, "dy": -forget}

    def gates(self, weights, carry, z, dot=dot):
        u_first, u_y = jnp.split(weights.w_h, [3 * self.hidden_size], axis=-1)
        u_dz, u_dy, u_z = jnp.split(dot(carry.y, u_first), 3, axis=-1)
        dz, dy = sigmoid(z.dz + u_dz), sigmoid(z.dy + u_dy)
        candidate = jnp.tanh(z.z + u_z)
        new = _moved(carry.z, self.time_step * dz, candidate)
        return LEMGates(dz, dy, candidate, jnp.tanh(z.y + dot(new, u_y)))

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return LEMCarry(
            y=_moved(carry.y, self.time_step * gate.dy, gate.y), z=_moved(carry.z, self.time_step * gate.dz, gate.z)
        )

    def output(self, weights, carry, z):
        return carry.y

    def retention(self, gates):
        return 1 - self.time_step * gates.dy


def _moved(old: jax.Array, share: jax.Array, target: jax.Array) -> jax.Array:
    return (1 - share) * old + share * target
