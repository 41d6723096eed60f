"""Remedies that use curvature: where a gradient is small along a direction, so may be the curvature."""

import dataclasses

import optax

from experiments.training.remedies._base import Remedy
from recurrax.training.hessian_free import truncated_newton


@dataclasses.dataclass(frozen=True)
class HessianFree(Remedy):
    """Truncated Newton steps in the place of the optimiser and its learning rate (Martens & Sutskever 2011).

    A step costs as much as dozens of gradients, and wants batches of hundreds of sequences. Penalties of other remedies
    are in the loss, not in the curvature. See `recurrax.training.hessian_free`.

    Attributes:
      damping: lambda at first.
      structural: mu, of the damping that holds hidden states where they are; 0 for none.
      iterations: of conjugate gradients in a step, at most.
    """

    damping: float = 0.1
    structural: float = 0.1
    iterations: int = 64

    def __post_init__(self):
        self.optimizer()

    def optimizer(self):
        made = truncated_newton(damping=self.damping, structural=self.structural, iterations=self.iterations)
        return optax.GradientTransformationExtraArgs(made.init, made.update)  # pyright: ignore[reportArgumentType]

    def why_not(self, cell):
        return "it needs derivatives forward, which clips of the gradient lack" if cell.clips_gradients else None
