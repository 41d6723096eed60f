"""The continuous-time RNN, one Euler step at a time."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import Cell, dot
from recurrax.initializers import Gaussian, Initializer, Zeros, check_initializers


class LeakyRNNParams(NamedTuple):
    """Parameters of `LeakyRNN`."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "H"] | None
    log_time_constant: Float[Array, "H"] | None
    """log(tau / dt - 1), so that the leak dt / tau lies in (0, 1) whatever it is; None where tau is not learned."""


class LeakyRNNCarry(NamedTuple):
    """State of `LeakyRNN`: rates, or potentials."""

    h: Float[Array, "*B H"]


class LeakyRNNProjected(NamedTuple):
    """W x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LeakyRNN(Cell):
    """Leaky or continuous-time RNN: rates after Wilson & Cowan (1972), potentials after Beer (1995), by Euler's method.

        rate:       tau dh/dt = -h + activation(W x + U h + b)          y = h
        potential:  tau dh/dt = -h + W x + U activation(h) + b          y = activation(h)

        h_t = (1 - a) h_{t-1} + a (the rest of the right side),         a = dt / tau

    For models of neural circuits, and echo states with leaky units (Jaeger et al. 2007): the time constant is a
    parameter, and old states fade by 1 - a a step apart from what U brings back.

    Attributes:
      hidden_size: H.
      time_constant: tau, in the unit of `time_step`; at least `time_step`, and above it where it is learned.
      time_step: dt.
      form: "rate" or "potential".
      learn_time_constant: whether every unit has a tau of its own that is learned.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    hidden_size: int
    time_constant: float = 10.0
    time_step: float = 1.0
    form: str = "rate"
    learn_time_constant: bool = False
    activation: str = "tanh"
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.positive("time_constant", self.time_constant)
        checks.positive("time_step", self.time_step)
        checks.choice("form", self.form, ("rate", "potential"))
        checks.boolean("learn_time_constant", self.learn_time_constant)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        activation(self.activation)
        if self.time_constant < self.time_step or (self.learn_time_constant and self.time_constant == self.time_step):
            raise ValueError(
                f"time_constant must be at least time_step = {self.time_step}, and above it where it is learned, got "
                f"{self.time_constant}: a step would overshoot."
            )

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b = jax.random.split(key, 3)
        h = self.hidden_size
        log_time = jnp.log(jnp.full(h, self.time_constant / self.time_step - 1)) if self.learn_time_constant else None
        return LeakyRNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            w_h=self.recurrent_init(key_h, (h, h)),
            b=self.bias_init(key_b, (h,)) if self.use_bias else None,
            log_time_constant=log_time,
        )

    def initial_carry(self, weights, batch_shape=()):
        return LeakyRNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        return LeakyRNNProjected(z if weights.b is None else z + weights.b)

    def step(self, weights, carry, z, dot=dot):
        h, phi = carry.h, activation(self.activation)
        if weights.log_time_constant is None:
            leak = self.time_step / self.time_constant
        else:
            leak = jax.nn.sigmoid(-weights.log_time_constant)
        drive = phi(z.h + dot(h, weights.w_h)) if self.form == "rate" else z.h + dot(phi(h), weights.w_h)
        return LeakyRNNCarry((1 - leak) * h + leak * drive)

    def output(self, weights, carry, z):
        return carry.h if self.form == "rate" else activation(self.activation)(carry.h)
