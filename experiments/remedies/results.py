"""What the trainings of a comparison came to, read from their folders."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.common.errors import Diverged, ExperimentError
from experiments.common.progress import say
from experiments.common.rates import Median, Rate
from experiments.remedies.config import Comparison, Trial
from experiments.training.config import Training
from experiments.training.coverage import covered
from experiments.training.metrics import METRICS
from experiments.training.results import read


class Outcome(NamedTuple):
    """How one network ended."""

    trial: Trial
    seed: int
    solved_after: int | None
    """Steps until the first evaluation that met the criterion; None where none did."""
    ended: str
    """"solved", "not solved", "diverged" or "failed"."""
    log_norms: dict[int, np.ndarray]
    """Log norms of dL/ds by distance from the last answer, `[T+1]`, median over sequences, by training step."""
    milliseconds: float
    """Of a training step of one network, while as many processes as the comparison has ran beside each other."""

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


class Entry(NamedTuple):
    """A cell with a remedy, over all tasks, lengths and seeds."""

    cell: str
    remedy: str
    rate: Rate
    steps: Median | None
    """Steps to success of the trainings that got there; None where none did."""
    reach: float
    """Median of log10 |dL/ds_0| / |dL/ds_t|, t being the step of the last answer, before training; NaN where it was not
    measured."""
    milliseconds: float
    """Median cost of a training step, at the greatest length."""
    diverged: int


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
        return [Outcome(trial, seed, None, "failed", {}, np.nan) for seed in training.seed_range]
    seconds = _seconds(folder / "timing.json")
    outcomes = []
    for curve in curves:
        solved = curve.solved_after(task)
        if status not in (0, Diverged.status):
            ended = "failed"
        elif solved is not None:
            ended = "solved"
        else:
            ended = "not solved" if curve.diverged_in is None else "diverged"
        log_norms = {step: flow.median for step, flow in curve.flows.items()}
        outcomes.append(Outcome(trial, curve.seed, solved, ended, log_norms, 1e3 * seconds))
    return outcomes


def _seconds(timing: Path) -> float:
    """Returns what a training step took; NaN where nobody wrote it down."""
    try:
        return float(json.loads(timing.read_bytes())["seconds_per_step_and_seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return math.nan


def over(training: Training, folder: Path) -> bool:
    """Tells whether a training needs not be run again: it is finished, or came to NaN, which it would again."""
    try:
        return (folder / "done.json").exists() or all(c.diverged_in is not None for c in read(training, folder))
    except ExperimentError:  # which the training itself tells
        return False


def ranking(outcomes: Sequence[Outcome]) -> list[Entry]:
    """Returns the pairs of cell and remedy, those first that solved most, then those that took fewest steps."""
    entries = []
    longest = max(o.trial.length for o in outcomes)
    for cell, remedy in dict.fromkeys((o.trial.cell, o.trial.remedy) for o in outcomes):
        own = [o for o in outcomes if (o.trial.cell, o.trial.remedy) == (cell, remedy)]
        steps = [o.solved_after for o in own if o.solved_after is not None]
        reach = [_relative_at_the_beginning(o.log_norms[0]) / np.log(10) for o in own if 0 in o.log_norms]
        entries.append(
            Entry(
                cell,
                remedy,
                rate(own),
                Median.of(steps) if steps else None,
                float(np.median(reach)) if reach else np.nan,
                float(np.median([o.milliseconds for o in own if o.trial.length == longest])),
                sum(o.ended == "diverged" for o in own),
            )
        )
    return sorted(entries, key=lambda e: (-e.rate.share, np.inf if e.steps is None else e.steps.value))


def _relative_at_the_beginning(log_norms: np.ndarray) -> float:
    """Returns the log norm at the greatest distance that there is, over that at distance 0."""
    known = log_norms[~np.isnan(log_norms)]
    return float(known[-1] - known[0]) if len(known) else np.nan


def rate(outcomes: Sequence[Outcome]) -> Rate:
    """Counts; a training that diverged or failed did not solve its task."""
    return Rate.of_counts(sum(o.ended == "solved" for o in outcomes), len(outcomes))


def by_length(
    outcomes: Sequence[Outcome], config: Comparison, keep: Callable[[Trial], bool]
) -> list[tuple[int, Rate, float]]:
    """Returns for every length the rate of success, and the median steps to it, of the trials to keep."""
    rows = []
    for length in sorted(config.lengths):
        own = [o for o in outcomes if o.trial.length == length and keep(o.trial)]
        if not own:
            continue
        steps = [o.solved_after for o in own if o.solved_after is not None]
        rows.append((length, rate(own), float(np.median(steps)) if steps else np.nan))
    return rows
