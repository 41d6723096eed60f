"""What a comparison of remedies can be asked for."""

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from experiments.common.config import FieldError, require, require_seed
from experiments.training.config import GradientNorms, Training
from experiments.training.remedies import make_remedies
from recurrax._util import naming

NONE = "none"
"""Stands for no remedy."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all trainings have in common, and what is tried of learning rates and widths.

    Attributes:
      hidden_sizes: units of the cells; each size is compared for itself.
      optimizer: as in a training.
      learning_rates: of the optimiser; where there are several, one is chosen for each kind of network, on seeds of its
        own.
      batch: sequences per step.
      steps: training steps at most; a training ends before where the task is solved.
      log_every: steps between lines of metrics.
      eval_every: steps between evaluations, a multiple of log_every; success is known to within these.
      eval_batches: batches of an evaluation.
    """

    hidden_sizes: tuple[int, ...]
    optimizer: str
    learning_rates: tuple[float, ...]
    batch: int
    steps: int
    log_every: int
    eval_every: int
    eval_batches: int


@dataclasses.dataclass(frozen=True)
class Tuning:
    """The seeds on which learning rate and strength are chosen, none of which is reported.

    Attributes:
      seeds: trainings of each setting, that differ by their seed.
      seed: the first seed.
      steps: training steps at most.
    """

    seeds: int
    seed: int
    steps: int

    def __post_init__(self):
        require(self.seeds >= 1, "seeds", self.seeds, "at least 1")
        require_seed(self.seed, self.seeds)
        require(self.steps >= 1, "steps", self.steps, "at least 1")


class Kind(NamedTuple):
    """A kind of network and what it learns; a row of the tables."""

    cell: str
    """Its label."""
    hidden_size: int
    task: str
    length: int
    remedy: str
    """As the config has it, with all strengths that are tried."""


class Setting(NamedTuple):
    """What is chosen for a kind on the seeds of the tuning."""

    remedy: str
    """With one strength."""
    learning_rate: float


class Trial(NamedTuple):
    """What one process of the comparison trains: a kind of network, from one seed or from several side by side."""

    kind: Kind
    setting: Setting
    seed: int
    """The first one."""
    seeds: int
    tuning: bool
    """Whether it serves the choice of the setting, and is not reported."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The whole comparison: every cell with every remedy on every task, at every length, from every seed.

    Attributes:
      cells: cells as texts, e.g. lstm, residual(gru) or module:Class. What tables and figures call one may follow:
        lstm(forget_bias=3.0) as open LSTM, with quotes where it has commas.
      tasks: tasks by name, with further fields in brackets, e.g. adding or copy(symbols=4); the length is their first
        field, and comes from `lengths`.
      lengths: lengths of the tasks.
      remedies: what is compared; several at once are joined by a plus sign, forget_bias(1.0)+clip_norm(1.0); strengths
        to choose from stand between bars, clip_norm(0.1|1|10); none for the cell as it is.
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
    tuning: Tuning

    def __post_init__(self):
        for field in ("cells", "tasks", "lengths", "remedies", "train.learning_rates", "train.hidden_sizes"):
            group, name = (self.train, field[6:]) if field.startswith("train.") else (self, field)
            values = getattr(group, name)
            require(bool(values) and len(set(values)) == len(values), field, values, "one or more, none of them twice")
        rates = self.train.learning_rates
        require(min(rates) > 0, "train.learning_rates", rates, "numbers above 0")
        require(len(self.labels) == len(self.cells), "cells", self.cells, "cells with labels that differ")
        require(self.seeds >= 1, "seeds", self.seeds, "at least 1")
        require_seed(self.seed, self.seeds)
        reported, tuned = (range(group.seed, group.seed + group.seeds) for group in (self, self.tuning))
        apart = reported.stop <= tuned.start or tuned.stop <= reported.start
        expected = f"such that none of its {self.tuning.seeds} seeds is reported, as {self.seed} to {reported[-1]} are"
        require(apart, "tuning.seed", self.tuning.seed, expected)
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

    @functools.cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """All kinds; a remedy that does not apply to a cell, a forget bias to an RNN, is left out there."""
        pairs = [(c, r) for c in self.labels for r in self.remedies if self._problems[c, r] is None]
        sizes = self.train.hidden_sizes
        product = itertools.product(pairs, sizes, self.tasks, self.lengths)
        return tuple(Kind(cell, size, task, length, remedy) for (cell, remedy), size, task, length in product)

    def settings(self, remedy: str) -> list[Setting]:
        """Returns what is chosen from for a remedy; one that takes the optimiser's place has no learning rate."""
        found = []
        for text in strengths(remedy):
            rates = self.train.learning_rates[:1] if _is_an_optimizer(text) else self.train.learning_rates
            found += [Setting(text, rate) for rate in rates]
        return found

    def tuning_trials(self, grown: Sequence[int] = ()) -> Iterator[Trial]:
        """Yields the trainings that settings are chosen by; none for a kind that has only one.

        Rate by rate: those that differ in the rate alone are one program, which the first then compiles for the others.

        Args:
          grown: how many seeds of the tuning there were before it grew, each time.
        """
        blocks = self._blocks(self.tuning, grown)
        for rate, kind in itertools.product(self.train.learning_rates, self.kinds):
            settings = self.settings(kind.remedy)
            of_rate = [setting for setting in settings if len(settings) > 1 and setting.learning_rate == rate]
            for setting, (first, size) in itertools.product(of_rate, blocks):
                yield Trial(kind, setting, first, size, True)

    def trials(self, chosen: Mapping[Kind, Setting], grown: Sequence[int] = ()) -> Iterator[Trial]:
        """Yields the trainings that are reported.

        Args:
          chosen: the setting of each kind.
          grown: how many reported seeds there were before the comparison grew, each time.
        """
        for kind in self.kinds:
            for first, size in self._blocks(self, grown):
                yield Trial(kind, chosen[kind], first, size, False)

    def _blocks(self, group: "Comparison | Tuning", grown: Sequence[int]) -> list[tuple[int, int]]:
        """Returns the first seed and the number of those that train side by side; later ones beside each other."""
        ends = (0, *grown, group.seeds) if self.together else range(group.seeds + 1)
        return [(group.seed + begin, end - begin) for begin, end in itertools.pairwise(ends) if end > begin]

    def training(self, trial: Trial) -> Training:
        """Returns the config of one training."""
        recipe, kind = self.train, trial.kind
        asks_norms = self.gradient_norms_batch > 0 and not trial.tuning
        return Training(
            cells=self.labels[kind.cell],
            hidden_size=kind.hidden_size,
            tasks=named_task(kind),
            remedies="" if trial.setting.remedy == NONE else trial.setting.remedy,
            optimizer=recipe.optimizer,
            learning_rate=trial.setting.learning_rate,
            batch=recipe.batch,
            steps=self.tuning.steps if trial.tuning else recipe.steps,
            seed=trial.seed,
            seeds=trial.seeds,
            log_every=recipe.log_every,
            eval_every=recipe.eval_every,
            eval_batches=recipe.eval_batches,
            save_every=recipe.eval_every,
            stop_when_solved=True,
            tensorboard=False,
            gradient_norms=GradientNorms(recipe.eval_every if asks_norms else 0, max(1, self.gradient_norms_batch)),
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
        sizes, rate = self.train.hidden_sizes, self.train.learning_rates[0]
        for size, task, length, text in itertools.product(sizes, self.tasks, self.lengths, strengths(remedy)):
            kind, setting = Kind(cell, size, task, length, remedy), Setting(text, rate)
            try:
                self.training(Trial(kind, setting, self.seed, 1, False))
            except FieldError as error:
                if error.field == "remedies":
                    return error
                field = "hidden_sizes" if error.field == "hidden_size" else error.field
                raise FieldError(field if field in ("cells", "tasks") else f"train.{field}", error.problem) from error
        return None


def named_task(kind: Kind) -> str:
    """Returns the task with its length.

    >>> named_task(Kind("rnn", 8, "copy(symbols=4)", 50, "none"))
    'copy(50, symbols=4)'
    """
    name, _, fields = kind.task.rstrip().removesuffix(")").partition("(")
    return f"{name}({', '.join(filter(None, (str(kind.length), fields)))})"


def strengths(remedy: str) -> list[str]:
    """Returns a remedy with each of the strengths that stand between bars; of several lists, with each combination.

    >>> strengths("clip_norm(0.1|1)+forget_bias(2)")
    ['clip_norm(0.1)+forget_bias(2)', 'clip_norm(1)+forget_bias(2)']
    """
    parts = re.split(r"([^\s(),=|+]+(?:\|[^\s(),=|+]+)+)", remedy)
    return ["".join(choice) for choice in itertools.product(*(part.split("|") for part in parts))]


@functools.cache
def _is_an_optimizer(remedy: str) -> bool:
    """Tells whether a remedy takes the optimiser's place; a text that makes none is told by the training."""
    try:
        return any(made.optimizer() is not None for made in make_remedies("" if remedy == NONE else remedy))
    except (TypeError, ValueError):
        return False
