"""The continuous-time RNN, one Euler step at a time."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Gaussian, Initializer


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
class LeakyRNN(PlainCell):
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

    time_constant: float = 10.0
    time_step: float = 1.0
    form: str = "rate"
    learn_time_constant: bool = False
    activation: str = "tanh"
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    carry_type = LeakyRNNCarry
    projected_type = LeakyRNNProjected

    def __post_init__(self):
        super().__post_init__()
        checks.positive("time_constant", self.time_constant)
        checks.positive("time_step", self.time_step)
        checks.choice("form", self.form, ("rate", "potential"))
        activation(self.activation)
        if self.time_constant < self.time_step or (self.learn_time_constant and self.time_constant == self.time_step):
            raise ValueError(
                f"time_constant must be at least time_step = {self.time_step}, and above it where it is learned, got "
                f"{self.time_constant}: a step would overshoot."
            )

    def init(self, key, input_size):
        ratio = self.time_constant / self.time_step
        log_time = jnp.log(jnp.full(self.hidden_size, ratio - 1)) if self.learn_time_constant else None
        return LeakyRNNParams(*self.draw(jax.random.split(key, 3), input_size), log_time)

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
