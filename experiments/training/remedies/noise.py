"""Remedies that add noise in training."""

import dataclasses

import optax

from experiments.training.remedies._base import Remedy
from recurrax._util import checks
from recurrax.wrappers.zoneout import Zoneout


@dataclasses.dataclass(frozen=True)
class GradientNoise(Remedy):
    """Normal noise on the gradient, of the variance eta / (1 + t)^gamma in training step t (Neelakantan et al. 2015).

    It is a function of the training's seed and the step. A clip bounds it only where it stands behind it in the list.

    Attributes:
      eta: variance in the first step, where t is 0; the paper tries 0.01, 0.3 and 1.
      gamma: how fast the variance falls.
    """

    eta: float = 0.01
    gamma: float = 0.55

    def __post_init__(self):
        checks.positive("eta", self.eta)
        checks.finite("gamma", self.gamma)

    def transformation(self, key):
        return optax.add_noise(self.eta, self.gamma, key)


@dataclasses.dataclass(frozen=True)
class ZoneOut(Remedy):
    """Units that keep their state by chance (Krueger et al. 2017).

    Attributes:
      rate: how likely.
    """

    rate: float = 0.1

    def cell(self, cell, task):
        return Zoneout(cell, rate=self.rate)
