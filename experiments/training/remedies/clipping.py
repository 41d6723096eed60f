"""Remedies that bound the gradient."""

import dataclasses
from typing import Any

import jax
import optax

from experiments.training.remedies._base import Remedy
from recurrax._util import checks
from recurrax.training.clipping import clip_by_global_norm, clip_by_value
from recurrax.wrappers.recurrent_gradient import RecurrentGradient


@dataclasses.dataclass(frozen=True)
class ClipNorm(Remedy):
    """The whole gradient scaled down to a norm (Pascanu et al. 2013).

    Attributes:
      max_norm: above which it is scaled.
    """

    max_norm: float = 1.0

    def __post_init__(self):
        checks.positive("max_norm", self.max_norm)

    def transformation(self, key):
        return _clipping(self.max_norm)


@dataclasses.dataclass(frozen=True)
class ClipNormOnSchedule(Remedy):
    """The whole gradient scaled down to a norm that goes from one value to another while the network trains.

    Every step multiplies the norm by the same factor until the last value is reached, which then stays.

    Attributes:
      first: norm above which the first step's gradient is scaled.
      last: norm after `steps` steps.
      steps: training steps from `first` to `last`.
    """

    first: float = 10.0
    last: float = 1.0
    steps: int = 1000

    def __post_init__(self):
        checks.positive("first", self.first)
        checks.positive("last", self.last)
        checks.positive_int("steps", self.steps)

    def transformation(self, key):
        schedule = optax.exponential_decay(self.first, self.steps, self.last / self.first, end_value=self.last)
        return optax.inject_hyperparams(_clipping)(max_norm=schedule)


def _clipping(max_norm: float | jax.Array) -> optax.GradientTransformation:
    def clip(gradient: Any, params: Any) -> Any:
        del params
        return clip_by_global_norm(gradient, max_norm)

    return optax.stateless(clip)


@dataclasses.dataclass(frozen=True)
class ClipValue(Remedy):
    """Every entry of the gradient clipped (Mikolov 2012).

    Attributes:
      max_value: largest modulus.
    """

    max_value: float = 1.0

    def __post_init__(self):
        checks.positive("max_value", self.max_value)

    def transformation(self, key):
        return optax.stateless(lambda gradient, _: clip_by_value(gradient, self.max_value))


@dataclasses.dataclass(frozen=True)
class ClipRecurrent(Remedy):
    """The gradient that goes from step to step clipped at every step, per example (Graves 2013).

    Attributes:
      max_norm: of the gradient of the whole state.
    """

    max_norm: float = 1.0

    def cell(self, cell, task):
        return RecurrentGradient(cell, clip_norm=self.max_norm)
