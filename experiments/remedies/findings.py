"""What a comparison says, as sentences made of its numbers."""

import itertools
import math
from collections.abc import Sequence

from experiments.common.prose import NO_BREAK
from experiments.common.rates import Rate
from experiments.common.statistics import Difference
from experiments.remedies.config import NONE, Comparison, Kind, Setting, named_task
from experiments.remedies.effects import (
    LEVEL,
    Effect,
    Row,
    effects_of,
    least_adjusted_p,
    rows_of,
    seeds_needed,
)
from experiments.remedies.results import Outcome
from experiments.remedies.tuning import at_the_edge


def findings(outcomes: Sequence[Outcome], chosen: dict[Kind, Setting], config: Comparison) -> list[str]:
    """Returns sentences; none tells of a difference that the numbers do not exclude to be chance."""
    rows, effects = rows_of(outcomes, config), effects_of(outcomes, config)
    sentences = []
    for cell, size in dict.fromkeys((row.kind.cell, row.kind.hidden_size) for row in rows):
        own = [row for row in rows if (row.kind.cell, row.kind.hidden_size) == (cell, size)]
        of_cell = [effect for effect in effects if (effect.cell, effect.hidden_size) == (cell, size)]
        sentences += _of_cell(name_of(own[0].kind, config), own, of_cell, len(effects))
    sentences += _of_number(effects)
    sentences += _of_what_does_not_apply(config)
    sentences += _of_reach(rows, config)
    sentences += _of_edges(chosen, config)
    counted = [o for o in outcomes if not o.tuning]
    for ended, meaning in (("diverged", "count as not solved"), ("failed", "are left out")):
        count = sum(o.ended == ended for o in counted)
        if count:
            sentences.append(f"{count} of {len(counted)} trainings {ended}; they {meaning}.")
    return sentences


def name_of(kind: Kind, config: Comparison) -> str:
    """Returns what a cell is called, with its width where there are several."""
    return kind.cell if len(config.train.hidden_sizes) == 1 else f"{kind.cell}, {kind.hidden_size} units"


def _of_cell(name: str, rows: Sequence[Row], effects: Sequence[Effect], family: int) -> list[str]:
    """Returns what is told of the remedies of one cell, and of which of them nothing can be told."""
    if all(row.rate.count == 0 for row in rows):
        return [f"{name}: no training solved its task, whatever the remedy, so success does not tell remedies apart."]
    sentences = []
    for effect in effects:
        if effect.told:
            pairs = [(r, b) for r, b in itertools.product(rows, rows) if _are_compared(r, b, effect)]
            counts = "; ".join(f"{named_task(r.kind)}: {_count(r.rate)} against {_count(b.rate)}" for r, b in pairs)
            direction = "sooner" if effect.difference.mean < 0 else "later"
            steps = f"{abs(effect.difference.mean):.0f}{NO_BREAK}steps {direction}"
            over = f"{effect.seeds} seeds" if len(pairs) == 1 else f"{effect.seeds} seeds, over tasks and lengths"
            sentences.append(
                f"{name} {_with(effect.remedy)} solves the task {steps} than {_with(effect.base)}, in the mean of "
                f"{over} (95 % interval of the difference {interval_of(effect.difference)}; "
                f"p{NO_BREAK}={NO_BREAK}{effect.p:.2g} after Holm's adjustment for {family} comparisons). "
                f"Trainings that solved {counts}.{_of_rates(pairs)}"
            )
    silent = [effect for effect in effects if not effect.told]
    if silent:
        base = "without" if silent[0].base == NONE else f"with {silent[0].base}"
        names = ", ".join(effect.remedy for effect in silent)
        sentences.append(
            f"{name}: for {names}, {_seeds_of(silent)} seeds do not exclude that the time to success is the same as "
            f"{base} (p after adjustment {_least(silent)}); the tables have the intervals."
        )
    return sentences


def _of_rates(pairs: Sequence[tuple[Row, Row]]) -> str:
    """Returns which learning rates were chosen, where they differ: the difference may be theirs."""
    rates = [f"{r.setting.learning_rate:g} against {b.setting.learning_rate:g}" for r, b in pairs
             if r.setting.learning_rate != b.setting.learning_rate]  # fmt: skip
    if not rates:
        return ""
    return f" The learning rates chosen for them differ ({'; '.join(rates)}), and what is told is of both together."


def _least(effects: Sequence[Effect]) -> str:
    least = min(effect.p for effect in effects)
    return "1" if least == 1 else f"{least:.2g} or more"


def _seeds_of(effects: Sequence[Effect]) -> str:
    counts = sorted({effect.seeds for effect in effects})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _are_compared(row: Row, base: Row, effect: Effect) -> bool:
    same_task = row.kind[:-1] == base.kind[:-1]
    return same_task and (row.kind.remedy, base.kind.remedy) == (effect.remedy, effect.base)


def _of_number(effects: Sequence[Effect]) -> list[str]:
    """Returns that there are too few seeds to tell anything, where that is so."""
    if not effects or least_adjusted_p(effects) <= LEVEL:
        return []
    return [
        f"With {max(e.seeds for e in effects)} seeds and {len(effects)} comparisons no difference can be told, however "
        f"large: its p-value after adjustment cannot fall below {least_adjusted_p(effects):.2g}. "
        f"That takes {seeds_needed(effects)} seeds."
    ]


def _of_what_does_not_apply(config: Comparison) -> list[str]:
    sentences = []
    there = {(kind.cell, kind.remedy) for kind in config.kinds}
    for cell in config.labels:
        missing = [remedy for remedy in config.remedies if (cell, remedy) not in there]
        if missing:
            sentences.append(f"{cell}: left out, since they do not apply: {', '.join(missing)}.")
    return sentences


def _of_reach(rows: Sequence[Row], config: Comparison) -> list[str]:
    """Returns how the reach before training and the time to success go together within each cell; that is no test."""
    parts = []
    for cell, size, task, length in dict.fromkeys(row.kind[:-1] for row in rows):
        own = [r for r in rows if r.kind[:-1] == (cell, size, task, length) and math.isfinite(r.reach)]
        reach, times = [r.reach for r in own], [r.time.value for r in own]
        if len(own) >= 4 and len(set(reach)) > 1 and len(set(times)) > 1:
            from scipy import stats  # which takes half a second

            coefficient, _ = tuple(stats.spearmanr(reach, times))
            parts.append(f"{coefficient:+.2f} for {name_of(own[0].kind, config)} on {named_task(own[0].kind)}")
    if not parts:
        return []
    return [
        "Rank coefficient between the share of the gradient that reaches the first step before training and the mean "
        f"time to success, over the remedies of a cell: {'; '.join(parts)}. Negative is sooner with more reach. "
        "Remedies share seeds, and often their start, so that no p-value is given."
    ]


def _of_edges(chosen: dict[Kind, Setting], config: Comparison) -> list[str]:
    edge = at_the_edge(chosen, config)
    if not edge:
        return []
    rates = config.train.learning_rates
    return [
        f"For {len(edge)} of {len(chosen)} kinds of network the chosen learning rate is the least or the greatest "
        f"tried, {min(rates):g} or {max(rates):g}; a better one may lie beyond."
    ]


def _with(remedy: str) -> str:
    return "as it is" if remedy == NONE else f"with {remedy}"


def _count(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}"


def interval_of(difference: Difference) -> str:
    """Returns the 95 % interval of a difference in words."""
    if math.isinf(difference.low):
        return "unbounded"
    return f"{difference.low:+.0f} to {difference.high:+.0f}{NO_BREAK}steps"
