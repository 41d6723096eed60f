"""What a comparison says, as sentences and a table made of its numbers."""

from collections.abc import Sequence

import numpy as np

from experiments.common.report import Table
from experiments.remedies.config import NONE, Comparison
from experiments.remedies.results import Entry, Outcome


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
    sentences += _of_reach(entries)
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


def _of_reach(entries: Sequence[Entry]) -> list[str]:
    """Returns what the reach of the gradient before training has to do with success."""
    measured = [e for e in entries if np.isfinite(e.reach)]
    shares = [e.rate.share for e in measured]
    reach = [e.reach for e in measured]
    if len(measured) < 4 or len(set(shares)) == 1 or len(set(reach)) == 1:
        return []
    from scipy import stats  # which takes half a second

    coefficient, p = tuple(stats.spearmanr(reach, shares))
    return [
        f"Over {len(measured)} pairs of cell and remedy, how much of the gradient reaches the first step before "
        "training and how many trainings succeed are correlated with rank coefficient "
        f"{coefficient:+.2f} (p = {p:.2g})."
    ]


def table(entries: Sequence[Entry]) -> Table:
    """Returns the ranking as a table."""
    rows = [
        (
            str(place),
            e.cell,
            e.remedy,
            str(e.rate),
            "" if e.steps is None else str(e.steps),
            "" if e.reach != e.reach else f"{e.reach:+.1f}",
            "" if e.milliseconds != e.milliseconds else f"{e.milliseconds:.2g}",
            str(e.diverged),
        )
        for place, e in enumerate(entries, 1)
    ]
    note = (
        "Solved: over all tasks, lengths and seeds, with the 95 % confidence interval (Wilson). Steps: median of the "
        "trainings that got there, with its 95 % confidence interval by order statistics, of less than 6 trainings "
        "their range. Reach: decimal logarithm of the gradient's norm at the first step over that at the step of the "
        "last answer, whose loss it is of, before training. Cost: median milliseconds of a training step of one "
        "network at the greatest length, with the other processes beside it."
    )
    return Table("Ranking", ("", "cell", "remedy", "solved", "steps", "reach", "cost", "diverged"), rows, note)
