"""The undamped independent controlled oscillatory RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import FanInUniform, Initializer, Uniform


class UnICORNNParams(NamedTuple):
    """Parameters of `UnICORNN`."""

    w_x: Float[Array, "D H"]
    w: Float[Array, "H"]
    c: Float[Array, "H"]
    b: Float[Array, "H"] | None


class UnICORNNCarry(NamedTuple):
    """State of `UnICORNN`: positions and velocities."""

    y: Float[Array, "*B H"]
    z: Float[Array, "*B H"]


class UnICORNNProjected(NamedTuple):
    """V x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class UnICORNN(PlainCell):
    """UnICORNN (Rusch & Mishra 2021 b): independent undamped oscillators, by a symplectic scheme.

        z_t = z_{t-1} - dt sigmoid(c) (tanh(w * y_{t-1} + V x_t + b) + alpha y_{t-1})
        y_t = y_{t-1} + dt sigmoid(c) z_t

    A Hamiltonian system, whose volume in phase space is kept: no gradient of the state fades, over 10^4 steps. c is
    every unit's own learned time scale. The paper stacks layers of it, with shortcuts: `Stack` and `Residual`. At the
    start V is from U(-1, 1) sqrt(6 / (65 D)), w from U(0, 1), c from U(-0.1, 0.1), as in the authors' code.

    Attributes:
      hidden_size: H.
      time_step: dt.
      alpha: the oscillators' stiffness.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how V, w and b are drawn.
      control_init: how c is drawn.
    """

    time_step: float = 0.03
    alpha: float = 0.9
    _: dataclasses.KW_ONLY
    input_init: Initializer = FanInUniform((6 / 65) ** 0.5)
    recurrent_init: Initializer = Uniform(0.0, 1.0)
    control_init: Initializer = Uniform(-0.1, 0.1)

    carry_type = UnICORNNCarry
    projected_type = UnICORNNProjected

    def __post_init__(self):
        super().__post_init__()
        checks.positive("time_step", self.time_step)
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}.")

    def init(self, key, input_size):
        key_x, key_w, key_c, key_b = jax.random.split(key, 4)
        return UnICORNNParams(
            w_x=self.draw_input(key_x, input_size),
            w=self.draw_recurrent(key_w),
            c=self.control_init(key_c, (self.hidden_size,)),
            b=self.draw_bias(key_b),
        )

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size,))

    def step(self, weights, carry, z, dot=dot):
        dt = self.time_step * sigmoid(weights.c)
        velocity = carry.z - dt * (jnp.tanh(weights.w * carry.y + z.h) + self.alpha * carry.y)
        return UnICORNNCarry(y=carry.y + dt * velocity, z=velocity)

    def output(self, weights, carry, z):
        return carry.y
