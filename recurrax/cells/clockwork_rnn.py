"""The clockwork RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from recurrax._util import checks
from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Gaussian, Initializer


class ClockworkRNNParams(NamedTuple):
    """Parameters of `ClockworkRNN`; what joins a fast module to a slower one is there, and has no effect."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "H"] | None


class ClockworkRNNCarry(NamedTuple):
    """State of `ClockworkRNN`."""

    h: Float[Array, "*B H"]
    steps: Int[Array, "*B"]
    """Steps since the start of the sequence."""


class ClockworkRNNProjected(NamedTuple):
    """W x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class ClockworkRNN(PlainCell):
    """Clockwork RNN (Koutnik et al. 2014): modules of units that move at different rates.

        h_t = activation(W x_t + U h_{t-1} + b)     in modules whose period divides t - 1
        h_t = h_{t-1}                               in all others

    A module sees itself and those with longer periods, so that U is block triangular. Slow modules keep early steps
    and pass them on to fast ones: between two ticks of a module with period p, its gradient is passed on unchanged.

    Every step computes all modules. All move at the first step of a sequence, and at the first one after a reset.

    Attributes:
      hidden_size: H, a multiple of the number of periods.
      periods: of the modules in steps, rising; each has H / len(periods) units.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    periods: tuple[int, ...] = (1, 2, 4, 8)
    activation: str = "tanh"
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    params_type = ClockworkRNNParams
    projected_type = ClockworkRNNProjected

    def __post_init__(self):
        super().__post_init__()
        activation(self.activation)
        if not (isinstance(self.periods, tuple) and self.periods):
            raise TypeError(f"periods must be a tuple of numbers of steps, got {self.periods!r}.")
        for period in self.periods:
            checks.positive_int("periods", period)
        if list(self.periods) != sorted(set(self.periods)):
            raise ValueError(f"periods must rise, got {self.periods!r}.")
        if self.hidden_size % len(self.periods):
            raise ValueError(
                f"hidden_size must be a multiple of the number of periods, {len(self.periods)}, got {self.hidden_size}."
            )

    def _per_unit(self) -> jax.Array:
        """Returns every unit's period, `[H]`."""
        return jnp.repeat(jnp.array(self.periods, jnp.int32), self.hidden_size // len(self.periods))

    def prepare(self, params, *, key=None, batch_shape=()):
        period = self._per_unit()
        return params._replace(w_h=jnp.where(period[:, None] >= period, params.w_h, 0))

    def initial_carry(self, weights, batch_shape=()):
        h = jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype)
        return ClockworkRNNCarry(h, jnp.zeros(batch_shape, jnp.int32))

    def step(self, weights, carry, z, dot=dot):
        new = activation(self.activation)(z.h + dot(carry.h, weights.w_h))
        moves = carry.steps[..., None] % self._per_unit() == 0
        return ClockworkRNNCarry(jnp.where(moves, new, carry.h), carry.steps + 1)
