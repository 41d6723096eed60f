"""What a comparison of remedies can be asked for."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from experiments.common.config import FieldError, require, require_seed
from experiments.training.config import GradientNorms, Training
from recurrax._util import naming

NONE = "none"
"""Stands for no remedy."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all trainings have in common.

    Attributes:
      hidden_size: units of the cells.
      optimizer: as in a training.
      learning_rate: of the optimiser.
      batch: sequences per step.
      steps: training steps at most; a training ends before where the task is solved.
      log_every: steps between lines of metrics.
      eval_every: steps between evaluations, a multiple of log_every; success is known to within these.
      eval_batches: batches of an evaluation.
    """

    hidden_size: int
    optimizer: str
    learning_rate: float
    batch: int
    steps: int
    log_every: int
    eval_every: int
    eval_batches: int


class Trial(NamedTuple):
    """What one process of the comparison trains: a kind of network, from one seed or from several side by side."""

    cell: str
    """Its label."""
    task: str
    length: int
    remedy: str
    seed: int
    """The first one."""
    seeds: int


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The whole comparison: every cell with every remedy on every task, at every length, from every seed.

    Attributes:
      cells: cells as texts, e.g. lstm, residual(gru) or module:Class. What tables and figures call one may follow:
        lstm(forget_bias=3.0) as open LSTM, with quotes where it has commas.
      tasks: tasks by name, with further fields in brackets, e.g. adding or copy(symbols=4); the length is their first
        field, and comes from `lengths`.
      lengths: lengths of the tasks.
      remedies: what is compared; several at once are joined by a plus sign, forget_bias(1.0)+clip_norm(1.0); none for
        the cell as it is.
      seeds: trainings of each kind, that differ by their seed.
      seed: the first seed.
      together: whether the seeds of a kind train side by side in one program; that saves starting and compiling, and
        fills an accelerator, where one process per seed makes more use of many cores.
      processes: processes at a time; 0 for one per core, on an accelerator for one.
      gradient_norms_batch: held-out sequences that gradient norms are measured on, before training, at every evaluation
        and after training; 0 for none.
    """

    cells: tuple[str, ...]
    tasks: tuple[str, ...]
    lengths: tuple[int, ...]
    remedies: tuple[str, ...]
    seeds: int
    seed: int
    together: bool
    processes: int
    gradient_norms_batch: int
    train: Recipe

    def __post_init__(self):
        for field in ("cells", "tasks", "lengths", "remedies"):
            values = getattr(self, field)
            require(bool(values) and len(set(values)) == len(values), field, values, "one or more, none of them twice")
        require(len(self.labels) == len(self.cells), "cells", self.cells, "cells with labels that differ")
        require(self.seeds >= 1, "seeds", self.seeds, "at least 1")
        require_seed(self.seed, self.seeds)
        require(self.processes >= 0, "processes", self.processes, "at least 0")
        require(self.gradient_norms_batch >= 0, "gradient_norms_batch", self.gradient_norms_batch, "at least 0")
        for remedy in self.remedies:
            problems = [self._problems[cell, remedy] for cell in self.labels]
            if problems[0] is not None and None not in problems:
                raise problems[0]

    @property
    def labels(self) -> dict[str, str]:
        """The cells' texts by their labels, which are the texts where there are none."""
        return {naming.label(cell): cell for cell in self.cells}

    def trials(self) -> Iterator[Trial]:
        """Yields all trainings; a remedy that does not apply to a cell, a forget bias to an RNN, is left out there."""
        size = self.seeds if self.together else 1
        firsts = range(self.seed, self.seed + self.seeds, size)
        pairs = [(c, r) for c in self.labels for r in self.remedies if self._problems[c, r] is None]
        for (cell, remedy), task, length, first in itertools.product(pairs, self.tasks, self.lengths, firsts):
            yield Trial(cell, task, length, remedy, first, size)

    def training(self, trial: Trial) -> Training:
        """Returns the config of one training."""
        recipe = self.train
        name, _, fields = trial.task.rstrip().removesuffix(")").partition("(")
        return Training(
            cells=self.labels[trial.cell],
            tasks=f"{name}({', '.join(filter(None, (str(trial.length), fields)))})",
            remedies="" if trial.remedy == NONE else trial.remedy.replace("+", ","),
            seed=trial.seed,
            seeds=trial.seeds,
            save_every=recipe.eval_every,
            stop_when_solved=True,
            tensorboard=False,
            gradient_norms=GradientNorms(
                recipe.eval_every if self.gradient_norms_batch else 0, max(1, self.gradient_norms_batch)
            ),
            **dataclasses.asdict(recipe),
        )

    @functools.cached_property
    def _problems(self) -> dict[tuple[str, str], FieldError | None]:
        """Why each remedy cannot be tried with each cell; to find out may take measuring, so once."""
        return {(c, r): self._problem(c, r) for r in self.remedies for c in self.labels}

    def _problem(self, cell: str, remedy: str) -> FieldError | None:
        """Returns why the remedy cannot be tried with the cell.

        Raises:
          FieldError: another field than `remedies` is wrong.
        """
        for task, length in itertools.product(self.tasks, self.lengths):
            try:
                self.training(Trial(cell, task, length, remedy, self.seed, 1))
            except FieldError as error:
                if error.field == "remedies":
                    return error
                field = error.field if error.field in ("cells", "tasks") else f"train.{error.field}"
                raise FieldError(field, error.problem) from error
        return None
