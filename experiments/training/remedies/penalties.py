"""Remedies that add a term to the loss."""

import dataclasses

from experiments.training.measure import measurable
from experiments.training.model import read
from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import innermost, require_square_blocks
from recurrax._util import checks
from recurrax.gradflow import trajectory
from recurrax.training.regularizers import lyapunov_penalty, norm_stabilizer, orthogonality_penalty, pascanu_omega


@dataclasses.dataclass(frozen=True)
class Omega(Remedy):
    """Steps that keep the norm of what goes back through them (Pascanu et al. 2013).

    Attributes:
      weight: alpha.
    """

    weight: float = 2.0

    def penalty(self, cell, model, task, batch, ys, key):
        def loss(ys, carry):
            return task.loss(read(model, ys), batch) * ys.shape[1]

        path = trajectory(measurable(cell), model.cell, batch.xs, mask=batch.mask, key=key)
        return self.weight * pascanu_omega(path, loss)


@dataclasses.dataclass(frozen=True)
class StabilizeNorm(Remedy):
    """Hidden states of one norm (Krueger & Memisevic 2016).

    Attributes:
      weight: beta.
    """

    weight: float = 50.0

    def penalty(self, cell, model, task, batch, ys, key):
        return self.weight * norm_stabilizer(ys, batch.mask)


@dataclasses.dataclass(frozen=True)
class Floss(Remedy):
    """Leading Lyapunov exponents drawn to zero (gradient flossing, Engelken 2023), at every step, along one example.

    Attributes:
      weight: of the penalty.
      exponents: how many.
    """

    weight: float = 1.0
    exponents: int = 8

    def __post_init__(self):
        checks.positive_int("exponents", self.exponents)

    def penalty(self, cell, model, task, batch, ys, key):
        path = trajectory(measurable(cell), model.cell, batch.xs[:, 0], key=key)
        return self.weight * lyapunov_penalty(path, k=self.exponents)


@dataclasses.dataclass(frozen=True)
class SoftOrthogonal(Remedy):
    """Recurrent weights drawn to orthogonal ones, gate by gate (Vorontsov et al. 2017).

    Attributes:
      weight: of the penalty.
    """

    weight: float = 0.1

    def cell(self, cell, task):
        require_square_blocks(self, cell, task)
        return cell

    def penalty(self, cell, model, task, batch, ys, key):
        weight = innermost(model.cell).w_h
        return self.weight * orthogonality_penalty(weight, gates=weight.shape[1] // weight.shape[0])
