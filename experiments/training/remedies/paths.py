"""Remedies that give gradients a second path beside the recurrence."""

import dataclasses

from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import plain_rnn
from recurrax.cells.recurrent_skip_rnn import RecurrentSkipRNN
from recurrax.wrappers.dilated import Dilated
from recurrax.wrappers.residual import Residual


@dataclasses.dataclass(frozen=True)
class SkipRecurrence(Remedy):
    """A second recurrence from so many steps before, beside that from the last one (Zhang et al. 2016); of a plain RNN.

    Attributes:
      steps: of the second one.
    """

    steps: int = 8

    def cell(self, cell, task):
        cell = plain_rnn(self, cell)
        return RecurrentSkipRNN(cell.hidden_size, skip=self.steps, activation=cell.activation)


@dataclasses.dataclass(frozen=True)
class Dilate(Remedy):
    """A state that goes on from so many steps before (dilated recurrence, Chang et al. 2017).

    Attributes:
      steps: of the dilation.
    """

    steps: int = 4

    def cell(self, cell, task):
        return Dilated(cell, dilation=self.steps)


@dataclasses.dataclass(frozen=True)
class Shortcut(Remedy):
    """The input added to the output, for a cell as wide as its input."""

    def cell(self, cell, task):
        return Residual(cell)
