"""What a training can be asked for; a config is checked against this before anything runs."""

import dataclasses

from experiments.common.cells import why_it_cannot_run
from experiments.common.config import FieldError, require, require_choice, require_seed
from experiments.common.precision import DTYPES
from experiments.training.remedies import Remedy, make_remedies
from recurrax import Cell
from recurrax._util import naming
from recurrax.catalogue import make_cell, make_task
from recurrax.tasks.task import Task

OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd", "momentum")


@dataclasses.dataclass(frozen=True)
class GradientNorms:
    """Norms of dL/ds_t, measured on the way.

    Attributes:
      every: training steps between measurements, the first one before training; 0 for none.
      batch: held-out sequences that it is measured on.
      dtype: "float64", to which the weights, trained in float32, are cast to be measured, or "float32", for a device
        without float64, such as a TPU.
    """

    every: int
    batch: int
    dtype: str = "float64"

    def __post_init__(self):
        require(self.every >= 0, "every", self.every, "at least 0")
        require(self.batch >= 1, "batch", self.batch, "at least 1")
        require_choice("dtype", self.dtype, DTYPES)


@dataclasses.dataclass(frozen=True)
class Training:
    """The whole training.

    Attributes:
      cells: the cell, one, with hyper-parameters and wrappers in brackets, e.g. lstm(forget_bias=3.0) or residual(gru);
        module:Class for your own. What figures call it may follow: lstm(forget_bias=3.0) as open LSTM.
      hidden_size: units of the cell.
      tasks: the task, one, e.g. adding(100) or copy(50, symbols=4).
      remedies: what is to help, joined by plus signs, e.g. forget_bias(1.0)+clip_norm(1.0); empty for nothing.
      optimizer: adam, adamw, nadam, rmsprop, sgd or momentum (0.9), of optax; the remedy hessian_free takes its place
        and that of the learning rate.
      learning_rate: of the optimiser.
      batch: sequences per step.
      steps: training steps at most; it ends before where the task is solved. A finished training goes on with more.
      seed: of the initialisation, the batches and all noise; the first one where there are several.
      seeds: how many networks, from seeds one after the other, train side by side in one program.
      log_every: steps between lines of metrics.jsonl.
      eval_every: steps between evaluations on held-out sequences, a multiple of log_every.
      eval_batches: batches of an evaluation.
      save_every: steps between checkpoints, a multiple of log_every.
      stop_when_solved: whether to end where the task is solved: at the first evaluation that meets its criterion and
        is confirmed.
      tensorboard: whether to write the metrics for TensorBoard as well, into `tensorboard` of the workdir.
      confirm: fresh held-out sequences on which a success is confirmed, or all that there are; 0 for none.
    """

    cells: str
    hidden_size: int
    tasks: str
    remedies: str
    optimizer: str
    learning_rate: float
    batch: int
    steps: int
    seed: int
    seeds: int
    log_every: int
    eval_every: int
    eval_batches: int
    save_every: int
    stop_when_solved: bool
    tensorboard: bool
    gradient_norms: GradientNorms
    confirm: int = 10_000

    def __post_init__(self):
        for field in ("hidden_size", "batch", "steps", "seeds", "log_every", "eval_batches"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        for field in ("cells", "tasks"):
            value = getattr(self, field)
            require(len(naming.split(value)) == 1, field, value, "a single one; experiments.remedies compares several")
        require(self.confirm >= 0, "confirm", self.confirm, "at least 0")
        require_choice("optimizer", self.optimizer, OPTIMIZERS)
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "a number above 0")
        require_seed(self.seed, self.seeds)
        for field in ("eval_every", "save_every"):
            value = getattr(self, field)
            expectation = f"a multiple of log_every = {self.log_every}"
            require(value >= 1 and value % self.log_every == 0, field, value, expectation)
        every = self.gradient_norms.every
        require(every % self.log_every == 0, "gradient_norms.every", every, "a multiple of log_every, or 0")
        cell = self.make_cell()
        if problem := why_it_cannot_run(cell, self.make_task().input_size):
            raise FieldError("cells", f"is wrong: {problem}")
        for remedy in self.make_remedies():
            if problem := remedy.why_not(cell):
                raise FieldError("remedies", f"is wrong: {type(remedy).__name__} does not fit {cell!r}: {problem}.")
        if len(self.optimizers) > 1:
            names = " and ".join(type(remedy).__name__ for remedy in self.optimizers)
            raise FieldError("remedies", f"is wrong: {names} both take the optimiser's place.")

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.seed, self.seed + self.seeds)

    def make_task(self) -> Task:
        """Returns the task."""

        def make(text):
            task = make_task(text)
            _ = task.input_size  # reads the data, where there are any
            return task

        return _made("tasks", self.tasks, make)

    def make_remedies(self) -> tuple[Remedy, ...]:
        """Returns the remedies, in their order."""
        return _made("remedies", self.remedies, make_remedies)

    @property
    def optimizers(self) -> list[Remedy]:
        """The remedies that take the optimiser's place; one at most."""
        return [remedy for remedy in self.make_remedies() if remedy.optimizer() is not None]

    @property
    def how(self) -> str:
        """How it trains, for captions: the optimiser with its learning rate, or the remedy in its place."""
        taken = [type(remedy).__name__ for remedy in self.optimizers]
        return f"{taken[0]} steps" if taken else f"{self.optimizer}, learning rate {self.learning_rate:g}"

    def make_cell(self) -> Cell:
        """Returns the cell as the remedies change it."""
        cell = _made("cells", self.cells, lambda text: make_cell(text, hidden_size=self.hidden_size))
        task = self.make_task()
        for remedy in self.make_remedies():
            try:
                cell = remedy.cell(cell, task)
            except (TypeError, ValueError) as error:
                raise FieldError("remedies", f"is wrong: {error}") from error
        return cell


def _made(field, text, make):
    try:
        return make(text)
    except (TypeError, ValueError, OSError, ImportError) as error:
        raise FieldError(field, f"is wrong: {error}") from error
    except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
        raise FieldError(field, f"is {text!r}, which cannot be imported: {type(error).__name__}: {error}") from error
