"""Remedies in how weights and biases are drawn."""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import require_square_blocks, with_fields
from recurrax import Cell
from recurrax.gradflow import critical_gain
from recurrax.initializers import Chrono, Gaussian, Identity, OrthogonalPerGate
from recurrax.tasks.task import Task

MEASURED = 8
"""Sequences that the critical gain is measured on."""
SETTLED = 200
"""Steps that a Lyapunov exponent is measured over, at least."""


@dataclasses.dataclass(frozen=True)
class Orthogonal(Remedy):
    """Recurrent weights orthogonal at first, gate by gate (Saxe et al. 2014).

    Attributes:
      gain: all singular values.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return with_fields(self, cell, recurrent_init=OrthogonalPerGate(self.gain))


@dataclasses.dataclass(frozen=True)
class IdentityStart(Remedy):
    """Recurrent weights the identity at first, gate by gate (Le, Jaitly & Hinton 2015).

    Attributes:
      gain: on the diagonal.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return with_fields(self, cell, recurrent_init=Identity(self.gain))


@dataclasses.dataclass(frozen=True)
class GaussianStart(Remedy):
    """Recurrent weights normal at first, of variance gain^2 / H; what the others are compared with.

    Attributes:
      gain: the spectral radius, for many units.
    """

    gain: float = 1.0

    def cell(self, cell, task):
        return with_fields(self, cell, recurrent_init=Gaussian(self.gain))


@dataclasses.dataclass(frozen=True)
class CriticalStart(Remedy):
    """Recurrent weights normal at first, of the variance at which gradients neither vanish nor explode.

    For a tanh network that is the criticality of mean-field theory (Chen, Pennington & Schoenholz 2018); here it is
    found for any cell by measuring, as the gain at which the leading Lyapunov exponent under the task's inputs is zero.
    """

    def cell(self, cell, task):
        return with_fields(self, cell, recurrent_init=Gaussian(_critical_gain(self, cell, task)))


@dataclasses.dataclass(frozen=True)
class ForgetBias(Remedy):
    """A forget gate that is open at first (Gers et al. 2000; Jozefowicz et al. 2015).

    Attributes:
      bias: of the forget gate, or of the gate that keeps the old state.
    """

    bias: float = 1.0

    def cell(self, cell, task):
        return with_fields(self, cell, forget_bias=self.bias)


@dataclasses.dataclass(frozen=True)
class ChronoStart(Remedy):
    """Gate biases spread over the time scales of the task (Tallec & Ollivier 2018).

    Attributes:
      longest: T_max, steps; 0 for the length of the task.
    """

    longest: int = 0

    def cell(self, cell, task):
        longest = self.longest or getattr(task, "length", 0)
        # The paper draws from U(1, T_max - 1).
        return with_fields(self, cell, forget_bias=Chrono(float(max(longest - 1, 2))))


@functools.lru_cache(maxsize=256)
def _critical_gain(remedy: Remedy, cell: Cell, task: Task) -> float:
    cell = with_fields(remedy, cell, recurrent_init=Gaussian(1.0))
    require_square_blocks(remedy, cell, task)
    xs = task.batch(0, 0, MEASURED).xs
    xs = jnp.tile(xs, (-(-SETTLED // len(xs)), 1, 1))  # what the first state leaves behind is to be over
    return critical_gain(cell, cell.init(jax.random.key(0), task.input_size), xs)
