"""The coupled oscillatory RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import FanInUniform, Initializer


class CoRNNParams(NamedTuple):
    """Parameters of `CoRNN`."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "2*H H"]
    """From y, and below it from z."""
    b: Float[Array, "H"] | None


class CoRNNCarry(NamedTuple):
    """State of `CoRNN`: positions and velocities."""

    y: Float[Array, "*B H"]
    z: Float[Array, "*B H"]


class CoRNNProjected(NamedTuple):
    """V x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class CoRNN(PlainCell):
    """Coupled oscillatory RNN, coRNN (Rusch & Mishra 2021).

        a = tanh(W y_{t-1} + W' z_{t-1} + V x_t + b)
        z_t = z_{t-1} + dt (a - gamma y_{t-1} - epsilon z_*)            y_t = y_{t-1} + dt z_t

    A network of damped oscillators that the input drives: states stay bounded, and gradients neither explode nor fade
    exponentially while dt is small. Damping is taken at z_* = z_{t-1} as in the authors' code, or, with
    `implicit_damping`, at z_* = z_t as in the paper's analysis. Output is y.

    At the start all weights are from U(-1, 1) / sqrt(D + 2 H), as in the authors' code, whose bias is so too; here b =
    0.

    Attributes:
      hidden_size: H.
      time_step: dt.
      frequency: gamma, the squared natural frequency.
      damping: epsilon.
      implicit_damping: where the damping is taken.
      use_bias: whether b is there.
      input_init, recurrent_init: how V and (W, W') are drawn, as blocks of one matrix with D + 2 H rows.
      bias_init: how b is drawn.
    """

    time_step: float = 0.042
    frequency: float = 2.7
    damping: float = 4.7
    implicit_damping: bool = False
    _: dataclasses.KW_ONLY
    input_init: Initializer = FanInUniform()
    recurrent_init: Initializer = FanInUniform()

    params_type = CoRNNParams
    carry_type = CoRNNCarry
    projected_type = CoRNNProjected

    def __post_init__(self):
        super().__post_init__()
        checks.positive("time_step", self.time_step)
        checks.positive("frequency", self.frequency)
        if self.damping < 0:
            raise ValueError(f"damping must be at least 0, got {self.damping}.")

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b = jax.random.split(key, 3)
        shape = (input_size + 2 * self.hidden_size, self.hidden_size)
        return CoRNNParams(
            w_x=self.input_init(key_x, shape)[:input_size],
            w_h=self.recurrent_init(key_h, shape)[input_size:],
            b=self.draw_bias(key_b),
        )

    def step(self, weights, carry, z, dot=dot):
        dt, damping = self.time_step, self.damping
        a = jnp.tanh(z.h + dot(jnp.concatenate(carry, axis=-1), weights.w_h))
        force = a - self.frequency * carry.y
        if self.implicit_damping:
            velocity = (carry.z + dt * force) / (1 + dt * damping)
        else:
            velocity = carry.z + dt * (force - damping * carry.z)
        return CoRNNCarry(y=carry.y + dt * velocity, z=velocity)

    def output(self, weights, carry, z):
        return carry.y
