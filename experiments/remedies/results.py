"""What the trainings of a comparison came to, read from their folders."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.common.config import to_dict
from experiments.common.errors import Diverged, ExperimentError
from experiments.common.progress import say
from experiments.remedies.config import Kind, Setting, Trial
from experiments.training.config import Training
from experiments.training.coverage import covered
from experiments.training.metrics import METRICS, Row
from experiments.training.results import Curve, read
from recurrax.tasks.task import Chance, Task


class Outcome(NamedTuple):
    """How one network ended."""

    kind: Kind
    setting: Setting
    seed: int
    tuning: bool
    """Whether it served the choice of a setting, and is not reported."""
    ended: str
    """"solved", "not solved", "diverged" or "failed"."""
    solved_after: int | None
    """Steps until the first evaluation that met the criterion and was confirmed; None where none did."""
    horizon: int
    """Training steps at most."""
    loss: float
    """On held-out sequences, at the last evaluation; NaN where it diverged or failed."""
    error: float
    """Likewise: share of wrong answers."""
    confirmed_error: float
    """On fresh sequences, where it was solved; NaN elsewhere."""
    log_norms: dict[int, np.ndarray]
    """Log norms of dL/ds by distance from the last answer, `[T+1]`, median over sequences, by training step."""

    @property
    def solved(self) -> bool:
        """Whether the task was solved."""
        return self.ended == "solved"

    @property
    def time(self) -> float:
        """Steps to success, and the horizon where there was none; that a training diverged makes it no sooner."""
        return float(self.horizon if self.solved_after is None else self.solved_after)

    @property
    def reach(self) -> float:
        """Log norm of the gradient at the greatest distance over that at distance 0, before training, nats."""
        known = self.log_norms.get(0, np.array([]))
        known = known[~np.isnan(known)]
        return float(known[-1] - known[0]) if len(known) else math.nan

    @property
    def stages(self) -> dict[str, np.ndarray]:
        """Log norms before training, half way, and after."""
        steps = sorted(self.log_norms)
        if len(steps) < 2:
            return {"before": self.log_norms[0]} if steps else {}
        middle = min(steps, key=lambda step: abs(step - steps[-1] / 2))
        stages = {
            "before": self.log_norms[steps[0]],
            "during": self.log_norms[middle],
            "after": self.log_norms[steps[-1]],
        }
        return stages if len(steps) > 2 else {"before": stages["before"], "after": stages["after"]}


def outcomes_of(trial: Trial, training: Training, folder: Path, status: int) -> list[Outcome]:
    """Reads what a training left; `status` is what its process ended with, 0 for one that had ended before.

    Of one that should be over and lacks lines of metrics nothing is told but that it failed, with a warning.
    """
    task = training.make_task()
    try:
        curves = read(training, folder)
        rows = [row for curve in curves for row in curve.rows]
        if status in (0, Diverged.status) and covered(rows, training, task) < math.inf:
            raise ExperimentError(
                f"{folder / METRICS} is not whole; without {folder / 'done.json'} it is trained again."
            )
    except ExperimentError as error:
        say(f"warning: {str(error).splitlines()[0]}")
        return [_failed(trial, training, seed) for seed in training.seed_range]
    if status not in (0, Diverged.status):
        return [_failed(trial, training, seed) for seed in training.seed_range]
    return [_outcome(trial, training, curve, task) for curve in curves]


def _failed(trial: Trial, training: Training, seed: int) -> Outcome:
    nan = math.nan
    return Outcome(
        trial.kind, trial.setting, seed, trial.tuning, "failed", None, training.steps, nan, nan, nan, log_norms={}
    )


def _outcome(trial: Trial, training: Training, curve: Curve, task: Task) -> Outcome:
    solved = curve.solved_after(task)
    diverged = solved is None and curve.diverged_in is not None
    last = {} if diverged else next((row for row in reversed(curve.evaluated) if solved in (None, row["step"])), {})
    return Outcome(
        trial.kind,
        trial.setting,
        curve.seed,
        trial.tuning,
        ended="solved" if solved is not None else "diverged" if diverged else "not solved",
        solved_after=solved,
        horizon=training.steps,
        loss=_number(last, "eval_loss"),
        error=_number(last, "eval_error"),
        confirmed_error=_number(last, "confirmed_error") if solved is not None else math.nan,
        log_norms={step: flow.median for step, flow in curve.flows.items()},
    )


def _number(row: Row, name: str) -> float:
    """Returns a value of a line; NaN where it is missing, or was not finite."""
    return math.nan if row.get(name) is None else float(row[name])


def milliseconds_of(folder: Path) -> float:
    """Returns what a training step of one network took, in a training that wrote it down; NaN where none did."""
    try:
        return 1e3 * float(json.loads((folder / "timing.json").read_bytes())["seconds_per_step_and_seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return math.nan


def over(training: Training, folder: Path) -> bool:
    """Tells whether a training needs not be run again: it is finished, or came to NaN, which it would again."""
    try:
        if (folder / "done.json").exists():
            return _config_of(folder) == to_dict(training)  # another one was smaller, and goes on
        return all(c.diverged_in is not None for c in read(training, folder))
    except ExperimentError:  # which the training itself tells
        return False


def _config_of(folder: Path) -> object:
    try:
        return json.loads((folder / "config.json").read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


RESULTS = (
    "cell", "hidden_units", "task", "length_steps", "remedy", "remedy_setting", "learning_rate", "seed", "purpose",
    "ended", "solved_after_steps", "horizon_steps", "eval_loss", "chance_loss", "eval_error", "chance_error",
    "confirmed_error", "log_reach_nats", "time_per_step_ms",
)  # fmt: skip
"""Columns of results.csv: a row is a network."""


def result_rows(outcomes: Iterable[Outcome], chance: dict[Kind, Chance], costs: dict[Kind, float]) -> list[tuple]:
    """Returns the rows of results.csv; what is not known is left empty.

    Args:
      outcomes: of all trainings, those of the tuning as well.
      chance: loss and error of the best blind guess.
      costs: milliseconds of a training step of one network.
    """
    rows = []
    for o in outcomes:
        purpose = "tuning" if o.tuning else "report"
        milliseconds = math.nan if o.tuning else costs.get(o.kind, math.nan)
        guess = chance[o.kind]
        row = (*o.kind, *o.setting, o.seed, purpose, o.ended, o.solved_after, o.horizon, o.loss, guess.loss, o.error,
               guess.error, o.confirmed_error, o.reach, milliseconds)  # fmt: skip
        rows.append(tuple(None if value != value else value for value in row))
    return rows
