"""The undamped independent controlled oscillatory RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.initializers import Gaussian, Initializer, Uniform, Zeros, check_initializers


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
class UnICORNN(Cell):
    """UnICORNN (Rusch & Mishra 2021 b, equation 4): independent undamped oscillators, by a symplectic scheme.

        z_t = z_{t-1} - dt sigmoid(c) (tanh(w * y_{t-1} + V x_t + b) + alpha y_{t-1})
        y_t = y_{t-1} + dt sigmoid(c) z_t

    A Hamiltonian system, whose volume in phase space is kept: no gradient of the state fades, over 10^4 steps. c is
    every unit's own learned time scale. The paper stacks layers of it, with shortcuts: `Stack` and `Residual`.

    Attributes:
      hidden_size: H.
      time_step: dt.
      alpha: the oscillators' stiffness.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how V, w and b are drawn.
      control_init: how c is drawn.
    """

    hidden_size: int
    time_step: float = 0.03
    alpha: float = 0.9
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = Uniform(0.0, 1.0)
    bias_init: Initializer = Zeros()
    control_init: Initializer = Uniform(-0.1, 0.1)

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.positive("time_step", self.time_step)
        checks.finite("alpha", self.alpha)
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}.")
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init)
        check_initializers(bias_init=self.bias_init, control_init=self.control_init)

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_w, key_c, key_b = jax.random.split(key, 4)
        h = self.hidden_size
        return UnICORNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            w=self.recurrent_init(key_w, (h,)),
            c=self.control_init(key_c, (h,)),
            b=self.bias_init(key_b, (h,)) if self.use_bias else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.hidden_size), weights.w.dtype)
        return UnICORNNCarry(zeros, zeros)

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return UnICORNNProjected(z if weights.b is None else z + weights.b)

    def step(self, weights, carry, z, dot=dot):
        dt = self.time_step * sigmoid(weights.c)
        velocity = carry.z - dt * (jnp.tanh(weights.w * carry.y + z.h) + self.alpha * carry.y)
        return UnICORNNCarry(y=carry.y + dt * velocity, z=velocity)

    def output(self, weights, carry, z):
        return carry.y
