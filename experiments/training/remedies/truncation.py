"""Remedies that cut backpropagation through time short."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from experiments.training.measure import measure_flow
from experiments.training.model import init_model
from experiments.training.remedies._base import Remedy
from recurrax._util import checks
from recurrax.gradflow import truncation

MEASURED = 8
"""Sequences that the gradient is measured on."""


@dataclasses.dataclass(frozen=True)
class Truncate(Remedy):
    """Gradients over the last steps only (truncated backpropagation, Williams & Peng 1990).

    Attributes:
      steps: k1 = k2.
    """

    steps: int = 20

    def __post_init__(self):
        checks.positive_int("steps", self.steps)

    def unroll_arguments(self, cell, task, seed):
        return {"truncate_every": self.steps}


@dataclasses.dataclass(frozen=True)
class TruncateAdaptively(Remedy):
    """Truncated backpropagation over as many steps as the measured gradient needs (Aicher, Foti & Fox 2019).

    The gradient is that of the last answer's loss. The paper measures again at every epoch; here once, so that a
    training compiles once. Nothing is truncated where the gradient does not fade.

    Attributes:
      tolerance: share of the summed gradient norms that may be lost.
    """

    tolerance: float = 0.1

    def __post_init__(self):
        checks.finite("tolerance", self.tolerance)
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must lie between 0 and 1, got {self.tolerance}.")

    def unroll_arguments(self, cell, task, seed):
        model = jax.tree.map(lambda a: a[None], init_model(cell, task, jax.random.key(seed)))
        flow = measure_flow(cell, task, model, jnp.array([seed], jnp.int32), MEASURED, "float32")
        norms = np.where(flow.exists, flow.log_norms, -np.inf)[0]  # beyond its beginning a sequence has no gradient
        steps = truncation(norms, self.tolerance).steps
        return {} if steps is None or steps >= len(norms) - 1 else {"truncate_every": max(1, steps)}
