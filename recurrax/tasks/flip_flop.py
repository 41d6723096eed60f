"""The flip-flop task."""

import dataclasses

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks.task import Batch, Chance, Regression, Solved, check_length


@dataclasses.dataclass(frozen=True)
class FlipFlop(Regression):
    """Holds the last pulse of every channel (Sussillo & Barak 2013: 3 bits, so 8 fixed points).

    Channels are 0 but for pulses of +1 or -1, whose sign is to be told at every step until the next one. Every channel
    begins with a pulse.

    Attributes:
      length: steps of a sequence.
      bits: channels.
      pulse_rate: how likely a pulse is, per channel and step.
    """

    length: int = 100
    bits: int = 3
    pulse_rate: float = 0.05

    tolerance = 0.5

    def __post_init__(self):
        check_length(self, 1, "a sequence has a step")
        checks.positive_int("bits", self.bits)
        checks.finite("pulse_rate", self.pulse_rate)
        if not 0 <= self.pulse_rate <= 1:
            raise ValueError(f"pulse_rate must lie between 0 and 1, got {self.pulse_rate}.")

    @property
    def input_size(self):
        """One per channel."""
        return self.bits

    @property
    def output_size(self):
        """One per channel."""
        return self.bits

    @property
    def chance(self):
        """Always 0, the mean: a squared error of 1 per bit; to guess all signs is right once in 2^bits."""
        return Chance(float(self.bits), 1 - 0.5**self.bits)

    @property
    def solved(self):
        """Below 1 % of the steps with any bit further away than 0.5."""
        return Solved("error", 0.01)

    def _draw(self, key, batch_size):
        key_pulse, key_sign = jax.random.split(key)
        shape = (self.length, batch_size, self.bits)
        pulses = jax.random.bernoulli(key_pulse, self.pulse_rate, shape).at[0].set(True)
        xs = pulses.astype(float) * jax.random.rademacher(key_sign, shape, float)
        last = jax.lax.cummax(jnp.where(pulses, jnp.arange(self.length)[:, None, None], 0), axis=0)
        return Batch(xs, jnp.take_along_axis(xs, last, 0), jnp.ones(shape[:2]))
