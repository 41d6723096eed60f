"""What the trainings of a comparison came to, read from their folders, and what that says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.common.errors import Diverged
from experiments.comparison.config import NONE, Comparison, Trial
from experiments.training.config import Training


class Outcome(NamedTuple):
    """How a training ended."""

    trial: Trial
    solved_after: int | None
    """Steps until the first evaluation that met the criterion; None where none did."""
    ended: str
    """"solved", "not solved", "diverged" or "failed"."""
    flow: dict[int, np.ndarray]
    """Log norms of dL/ds_t, `[T+1]`, median over sequences, by training step."""


class Rate(NamedTuple):
    """A share of trainings that solved their task, with its 95 % confidence interval (Wilson 1927)."""

    solved: int
    of: int
    low: float
    high: float

    @classmethod
    def of_outcomes(cls, outcomes: Sequence[Outcome]) -> "Rate":
        """Counts; a training that diverged or failed did not solve its task."""
        solved = sum(o.solved_after is not None for o in outcomes)
        interval = stats.binomtest(solved, len(outcomes)).proportion_ci(0.95, method="wilson")
        return cls(solved, len(outcomes), float(interval.low), float(interval.high))

    def __str__(self) -> str:
        return f"{self.solved} of {self.of} ({self.low:.0%} to {self.high:.0%})"


class Entry(NamedTuple):
    """A cell with a remedy, over all tasks, lengths and seeds."""

    cell: str
    remedy: str
    rate: Rate
    steps: float
    """Median steps to success of the trainings that got there; NaN for none."""
    reach: float
    """Median of log10 |dL/ds_0| / |dL/ds_T| before training; NaN where it was not measured."""
    diverged: int


def outcome(trial: Trial, training: Training, folder: Path, status: int) -> Outcome:
    """Reads what a training left; `status` is what its process ended with, 0 for one that had ended before."""
    task = training.make_task()
    path = folder / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    evaluated = [row for row in rows if row.get("eval_loss") is not None]
    solved = [row["step"] for row in evaluated if task.solved(row["eval_loss"], row["eval_error"])]
    if status not in (0, Diverged.status):
        ended = "failed"
    elif solved:
        ended = "solved"
    else:
        ended = "diverged" if any(row.get("diverged") for row in rows) else "not solved"
    return Outcome(trial, solved[0] if solved else None, ended, _flow(folder))


def ended(folder: Path) -> bool:
    """Tells whether a training needs not be run again: it is finished, or came to NaN, which it would again."""
    if (folder / "done.json").exists():
        return True
    path = folder / "metrics.jsonl"
    return path.exists() and '"diverged": true' in path.read_text()


def ranking(outcomes: Sequence[Outcome]) -> list[Entry]:
    """Returns the pairs of cell and remedy, those first that solved most, then those that took fewest steps."""
    entries = []
    for cell, remedy in dict.fromkeys((o.trial.cell, o.trial.remedy) for o in outcomes):
        own = [o for o in outcomes if (o.trial.cell, o.trial.remedy) == (cell, remedy)]
        steps = [o.solved_after for o in own if o.solved_after is not None]
        reach = [(o.flow[0][0] - o.flow[0][-1]) / np.log(10) for o in own if 0 in o.flow]
        entries.append(
            Entry(
                cell,
                remedy,
                Rate.of_outcomes(own),
                float(np.median(steps)) if steps else np.nan,
                float(np.median(reach)) if reach else np.nan,
                sum(o.ended == "diverged" for o in own),
            )
        )
    return sorted(entries, key=lambda e: (-e.rate.solved / e.rate.of, np.nan_to_num(e.steps, nan=np.inf)))


def findings(entries: Sequence[Entry], outcomes: Sequence[Outcome], config: Comparison) -> list[str]:
    """Returns sentences, made of the numbers."""
    sentences = []
    for cell in config.cells:
        own = [e for e in entries if e.cell == cell]
        plain = next((e for e in own if e.remedy == NONE), None)
        best = own[0]
        if plain is None:
            sentences.append(f"{cell}: with {best.remedy} {best.rate} trainings solved their task, the most.")
        elif best.rate.solved <= plain.rate.solved:
            sentences.append(f"{cell}: as it is {plain.rate} trainings solved their task; no remedy solved more.")
        else:
            apart = "do not overlap" if best.rate.low > plain.rate.high else "overlap: more seeds would have to tell"
            sentences.append(
                f"{cell}: with {best.remedy} {best.rate} trainings solved their task, as it is {plain.rate}; "
                f"the intervals {apart}."
            )
        missing = [remedy for remedy in config.remedies if remedy not in {e.remedy for e in own}]
        if missing:
            sentences.append(f"{cell}: left out, since they do not apply: {', '.join(missing)}.")
    sentences += _of_flow(entries)
    for name in ("diverged", "failed"):
        count = sum(o.ended == name for o in outcomes)
        if count:
            sentences.append(f"{count} of {len(outcomes)} trainings {name}; they count as not solved.")
    return sentences


def _of_flow(entries: Sequence[Entry]) -> list[str]:
    """Returns what gradient flow before training has to do with success."""
    measured = [e for e in entries if np.isfinite(e.reach)]
    shares = [e.rate.solved / e.rate.of for e in measured]
    reach = [e.reach for e in measured]
    if len(measured) < 4 or len(set(shares)) == 1 or len(set(reach)) == 1:
        return []
    coefficient, p = tuple(stats.spearmanr(reach, shares))
    return [
        f"Over {len(measured)} pairs of cell and remedy, how much of the gradient reaches the first step before "
        "training and how many trainings succeed are correlated with rank coefficient "
        f"{coefficient:+.2f} (p = {p:.2g})."
    ]


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
        rows.append((length, Rate.of_outcomes(own), float(np.median(steps)) if steps else np.nan))
    return rows


def _flow(folder: Path) -> dict[int, np.ndarray]:
    measured = {}
    for path in sorted((folder / "parts").glob("flow-*.npz")):
        with np.load(path) as stored:
            measured[int(path.stem.removeprefix("flow-"))] = np.median(stored["joint"], axis=1)
    return measured
