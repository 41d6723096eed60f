"""What the trainings of a comparison came to, read from their folders, and what that says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.common.errors import Diverged
from experiments.common.rates import Median, Rate
from experiments.remedies.config import NONE, Comparison, Trial
from experiments.training.config import Training
from experiments.training.results import read


class Outcome(NamedTuple):
    """How one network ended."""

    trial: Trial
    seed: int
    solved_after: int | None
    """Steps until the first evaluation that met the criterion; None where none did."""
    ended: str
    """"solved", "not solved", "diverged" or "failed"."""
    flow: dict[int, np.ndarray]
    """Log norms of dL/ds_t, `[T+1]`, median over sequences, by training step."""
    milliseconds: float
    """Of a training step of one network, while as many processes as the comparison has ran beside each other."""

    @property
    def stages(self) -> dict[str, np.ndarray]:
        """Log norms before training, half way, and after."""
        steps = sorted(self.flow)
        if len(steps) < 2:
            return {"before": self.flow[0]} if steps else {}
        middle = min(steps, key=lambda step: abs(step - steps[-1] / 2))
        stages = {"before": self.flow[steps[0]], "during": self.flow[middle], "after": self.flow[steps[-1]]}
        return stages if len(steps) > 2 else {"before": stages["before"], "after": stages["after"]}


class Entry(NamedTuple):
    """A cell with a remedy, over all tasks, lengths and seeds."""

    cell: str
    remedy: str
    rate: Rate
    steps: Median | None
    """Steps to success of the trainings that got there; None where none did."""
    reach: float
    """Median of log10 |dL/ds_0| / |dL/ds_T| before training; NaN where it was not measured."""
    milliseconds: float
    """Median cost of a training step, at the greatest length."""
    diverged: int


def outcomes_of(trial: Trial, training: Training, folder: Path, status: int) -> list[Outcome]:
    """Reads what a training left; `status` is what its process ended with, 0 for one that had ended before."""
    task = training.make_task()
    timing = folder / "timing.json"
    seconds = json.loads(timing.read_text())["seconds_per_step_and_seed"] if timing.exists() else np.nan
    outcomes = []
    for curve in read(training, folder):
        solved = curve.solved_after(task)
        if status not in (0, Diverged.status):
            how = "failed"
        elif solved is not None:
            how = "solved"
        else:
            how = "not solved" if curve.diverged_in is None else "diverged"
        flow = {step: np.median(joint, axis=1) for step, joint in curve.flow.items()}
        outcomes.append(Outcome(trial, curve.seed, solved, how, flow, 1e3 * seconds))
    return outcomes


def over(training: Training, folder: Path) -> bool:
    """Tells whether a training needs not be run again: it is finished, or came to NaN, which it would again."""
    return (folder / "done.json").exists() or all(c.diverged_in is not None for c in read(training, folder))


def ranking(outcomes: Sequence[Outcome]) -> list[Entry]:
    """Returns the pairs of cell and remedy, those first that solved most, then those that took fewest steps."""
    entries = []
    longest = max(o.trial.length for o in outcomes)
    for cell, remedy in dict.fromkeys((o.trial.cell, o.trial.remedy) for o in outcomes):
        own = [o for o in outcomes if (o.trial.cell, o.trial.remedy) == (cell, remedy)]
        steps = [o.solved_after for o in own if o.solved_after is not None]
        reach = [(o.flow[0][0] - o.flow[0][-1]) / np.log(10) for o in own if 0 in o.flow]
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


def rate(outcomes: Sequence[Outcome]) -> Rate:
    """Counts; a training that diverged or failed did not solve its task."""
    return Rate.of_counts(sum(o.ended == "solved" for o in outcomes), len(outcomes))


def findings(entries: Sequence[Entry], outcomes: Sequence[Outcome], config: Comparison) -> list[str]:
    """Returns sentences, made of the numbers."""
    sentences = []
    for cell in config.labels:
        own = [e for e in entries if e.cell == cell]
        # Beside the cell as it is, or else beside what the config lists first.
        base, best = min(own, key=lambda e: config.remedies.index(e.remedy)), own[0]
        if best is base or (best.rate.count == base.rate.count and best.steps is None):
            sentences.append(f"{cell}: {_who(base)} {base.rate} trainings solved their task; {_others(own)}.")
        elif best.rate.count == base.rate.count:
            apart = _apart(best.steps.high < base.steps.low)  # pyright: ignore[reportOptionalMemberAccess]
            sentences.append(
                f"{cell}: {_who(best)} {best.rate} trainings solved their task, as many as {_who(base)}, and sooner: "
                f"after {best.steps} steps in the median, against {base.steps}; the intervals {apart}."
            )
        else:
            sentences.append(
                f"{cell}: {_who(best)} {best.rate} trainings solved their task, {_who(base)} {base.rate}; "
                f"the intervals {_apart(best.rate.low > base.rate.high)}."
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


def _who(entry: Entry) -> str:
    return "as it is" if entry.remedy == NONE else f"with {entry.remedy}"


def _others(own: Sequence[Entry]) -> str:
    return "no remedy solved more, or as many sooner" if len(own) > 1 else "no other remedy was tried"


def _apart(disjoint: bool) -> str:
    return "do not overlap" if disjoint else "overlap: more seeds would have to tell"


def _of_flow(entries: Sequence[Entry]) -> list[str]:
    """Returns what gradient flow before training has to do with success."""
    measured = [e for e in entries if np.isfinite(e.reach)]
    shares = [e.rate.share for e in measured]
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
        rows.append((length, rate(own), float(np.median(steps)) if steps else np.nan))
    return rows
