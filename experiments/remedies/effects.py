"""What the outcomes say of each remedy: shares and times by task and length, and differences that hold over seeds.

Settled before any number is seen: each remedy is compared with the same cell of the same width without it, seed by
seed, since equal seeds have equal batches. The mean time to success up to the last step is compared. Where there are
several tasks or lengths, every seed counts with its mean over them. The p-values of all remedies of all cells in the
report are adjusted together (Holm 1979).

Each kind trains with the setting that `tuning` chose for it on other seeds; remedies of a cell share the learning rate
unless one does far better at another. The test holds the choice fixed: where the rates differ, a difference is that of
remedy and rate together, and the sentence that tells it names both.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.common.rates import Median, Rate
from experiments.common.statistics import Difference, RestrictedMean, holm, least_p, log_rank, paired, restricted_mean
from experiments.remedies.config import NONE, Comparison, Kind, Setting
from experiments.remedies.results import Outcome

LEVEL = 0.05
"""At most so many reports tell of a difference where there is none."""


class Row(NamedTuple):
    """A kind of network, over its seeds: one task, one length."""

    kind: Kind
    setting: Setting
    rate: Rate
    time: RestrictedMean
    """To success, steps."""
    difference: Difference | None
    """Of the time, with the remedy less without, over the seeds that both have; None for the cell without one."""
    loss: Median | None
    """Of the last held-out loss; None where all diverged."""
    reach: float
    """Median of the log reach before training, nats; NaN where it was not measured."""
    diverged: int


class Effect(NamedTuple):
    """A remedy beside the same cell without it, over all tasks and lengths."""

    cell: str
    hidden_size: int
    remedy: str
    base: str
    """What it is compared with: none, or else the first remedy of the config that applies to the cell."""
    seeds: int
    """That both have."""
    difference: Difference
    """Of the time to success, with the remedy less without, steps."""
    log_rank_p: float
    """Of the log-rank test, stratified by task and length, which takes the seeds for independent; not adjusted."""
    p: float
    """Adjusted for all remedies in the report."""

    @property
    def told(self) -> bool:
        """Whether the numbers exclude that there is no difference."""
        return self.p <= LEVEL


def reported(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Returns the outcomes that count: of the reported seeds, and known."""
    return [o for o in outcomes if not o.tuning and o.ended != "failed"]


def base_of(cell: str, hidden_size: int, config: Comparison) -> str:
    """Returns what the remedies of a cell are compared with."""
    there = [kind.remedy for kind in config.kinds if (kind.cell, kind.hidden_size) == (cell, hidden_size)]
    return NONE if NONE in there else there[0]


def rows_of(outcomes: Sequence[Outcome], config: Comparison) -> list[Row]:
    """Returns a row for every kind that has outcomes, in the order of the config."""
    by_kind = _by_kind(outcomes)
    rows = []
    for kind in config.kinds:
        own = by_kind.get(kind)
        if not own:
            continue
        base = kind._replace(remedy=base_of(kind.cell, kind.hidden_size, config))
        times, solved = [o.time for o in own], [o.solved for o in own]
        losses = [o.loss for o in own if not math.isnan(o.loss)]
        reach = [o.reach for o in own if not math.isnan(o.reach)]
        rows.append(
            Row(
                kind,
                own[0].setting,
                Rate.of_counts(sum(solved), len(own)),
                restricted_mean(times, solved, own[0].horizon),
                None if kind == base else _difference([kind], [base], by_kind)[1],
                Median.of(losses) if losses else None,
                float(np.median(reach)) if reach else math.nan,
                sum(o.ended == "diverged" for o in own),
            )
        )
    return rows


def effects_of(outcomes: Sequence[Outcome], config: Comparison) -> list[Effect]:
    """Returns what every remedy changes, in the order of the config; p-values are adjusted over all of them."""
    by_kind = _by_kind(outcomes)
    of_remedy: dict[tuple[str, int, str], list[Kind]] = {}
    for kind in config.kinds:
        of_remedy.setdefault((kind.cell, kind.hidden_size, kind.remedy), []).append(kind)
    found = []
    for (cell, size, remedy), kinds in of_remedy.items():
        base = base_of(cell, size, config)
        bases = [kind._replace(remedy=base) for kind in kinds]
        if remedy == base or not all(by_kind.get(kind) for kind in (*kinds, *bases)):
            continue
        seeds, difference = _difference(kinds, bases, by_kind)
        if difference is None:
            continue
        strata = [_times(by_kind[kind]) + _times(by_kind[b]) for kind, b in zip(kinds, bases, strict=True)]
        found.append(Effect(cell, size, remedy, base, seeds, difference, log_rank(strata).p, difference.p))
    adjusted = holm([effect.p for effect in found])
    return [effect._replace(p=p) for effect, p in zip(found, adjusted, strict=True)]


def least_adjusted_p(effects: Sequence[Effect]) -> float:
    """Returns the least adjusted p-value that a difference can get, however large; 1 where nothing is compared."""
    return min([1.0, *(len(effects) * least_p(effect.seeds) for effect in effects)])


def seeds_needed(effects: Sequence[Effect]) -> int:
    """Returns the seeds with which the largest of differences would be told among so many comparisons."""
    return next(n for n in range(1, 100) if len(effects) * 2.0 ** (1 - n) <= LEVEL)


def _by_kind(outcomes: Sequence[Outcome]) -> dict[Kind, list[Outcome]]:
    found: dict[Kind, list[Outcome]] = {}
    for outcome in reported(outcomes):
        found.setdefault(outcome.kind, []).append(outcome)
    return found


def _times(outcomes: Sequence[Outcome]) -> tuple[list[float], list[bool]]:
    return [o.time for o in outcomes], [o.solved for o in outcomes]


def _difference(
    kinds: Sequence[Kind], bases: Sequence[Kind], by_kind: dict[Kind, list[Outcome]]
) -> tuple[int, Difference | None]:
    """Returns how many seeds all of these kinds have, and the difference in time over them; None where it is none."""
    times = [{o.seed: o.time for o in by_kind.get(kind, ())} for kind in (*kinds, *bases)]
    seeds = sorted(set.intersection(*map(set, times)))
    if not seeds:
        return 0, None
    with_, without = times[: len(kinds)], times[len(kinds) :]
    differences = [float(np.mean([a[n] - b[n] for a, b in zip(with_, without, strict=True)])) for n in seeds]
    return len(seeds), paired(differences)
