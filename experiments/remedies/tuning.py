"""How learning rate and strength are chosen: on seeds that are not reported, by one rule."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.common.report import Table
from experiments.remedies.config import Comparison, Kind, Setting
from experiments.remedies.results import Outcome

RULE = (
    "the least mean time to success, where a training without success counts with all its steps; of equal ones the "
    "least median of the last held-out loss, where one that diverged counts as infinite; of equal ones the first. All "
    "remedies of a cell share the learning rate that does best over all of them, save a remedy of which every seed of "
    "the tuning needs less than half as many steps at another one, or where none is solved has less than half the loss"
)
"""In words, for the report.

Few seeds choose by chance among rates that are nearly as good. If remedies got other rates than what they are compared
with whenever chance has it so, more reports than `effects.LEVEL` would tell of a difference that is none of the remedy.
"""


def choose(outcomes: Sequence[Outcome], config: Comparison) -> dict[Kind, Setting]:
    """Returns the setting of every kind: the only one, or the one that did best in the trainings of the tuning."""
    tuning: dict[Kind, dict[Setting, list[Outcome]]] = {kind: {} for kind in config.kinds}
    for o in outcomes:
        if o.tuning:
            tuning[o.kind].setdefault(o.setting, []).append(o)
    of_cell: dict[Kind, list[Kind]] = {}
    for kind in config.kinds:
        of_cell.setdefault(kind._replace(remedy=""), []).append(kind)
    chosen = {}
    for kinds in of_cell.values():
        shared = _shared_rate(kinds, tuning, config)
        for kind in kinds:
            settings = config.settings(kind.remedy)
            at_shared = [setting for setting in settings if setting.learning_rate == shared]
            best, kept = _best(settings, tuning[kind]), _best(at_shared or settings, tuning[kind])
            chosen[kind] = best if _far_better(tuning[kind].get(best), tuning[kind].get(kept)) else kept
    return {kind: chosen[kind] for kind in config.kinds}


def _shared_rate(
    kinds: Sequence[Kind], tuning: Mapping[Kind, Mapping[Setting, Sequence[Outcome]]], config: Comparison
) -> float:
    """Returns the learning rate that does best over kinds, each with the strength that is best at it."""

    def score(rate: float) -> tuple[float, float]:
        outcomes: list[Outcome] = []
        for kind in kinds:
            settings = [setting for setting in config.settings(kind.remedy) if setting.learning_rate == rate]
            outcomes += tuning[kind].get(_best(settings, tuning[kind]), ()) if settings else ()
        return _score(outcomes)

    return min(config.train.learning_rates, key=score)


def _best(settings: Sequence[Setting], tuning: Mapping[Setting, Sequence[Outcome]]) -> Setting:
    return min(settings, key=lambda setting: _score(tuning.get(setting, ())))


def _score(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Returns what is to be small; infinite where nothing was trained."""
    if not outcomes:
        return math.inf, math.inf
    losses = [math.inf if math.isnan(o.loss) else o.loss for o in outcomes]
    return float(np.mean([o.time for o in outcomes])), float(np.median(losses))


def _far_better(one: Sequence[Outcome] | None, other: Sequence[Outcome] | None) -> bool:
    """Tells whether each seed did far better in one than in the other; of seeds that the other lacks nobody knows."""
    others = {o.seed: o for o in other or ()}

    def better(o: Outcome, than: Outcome | None) -> bool:
        if than is None or o.solved or than.solved:
            return than is not None and 2 * o.time < than.time
        return 2 * _score([o])[1] < _score([than])[1]

    return bool(one) and all(better(o, others.get(o.seed)) for o in one or ())


def at_the_edge(chosen: dict[Kind, Setting], config: Comparison) -> list[Kind]:
    """Returns the kinds whose chosen learning rate is the least or the greatest one of three or more."""
    rates = config.train.learning_rates
    if len(rates) < 3:
        return []
    return [kind for kind, setting in chosen.items() if setting.learning_rate in (min(rates), max(rates))]


def tuning_table(outcomes: Sequence[Outcome], chosen: dict[Kind, Setting], config: Comparison) -> Table | None:
    """Returns what was tried for every kind, and what was chosen; None where there was nothing to choose from."""
    rows = []
    for kind, choice in chosen.items():
        for setting in config.settings(kind.remedy) if len(config.settings(kind.remedy)) > 1 else ():
            own = [o for o in outcomes if o.kind == kind and o.setting == setting and o.tuning]
            time, loss = _score(own)
            rows.append(
                (
                    kind.cell,
                    str(kind.hidden_size),
                    kind.task,
                    str(kind.length),
                    setting.remedy,
                    f"{setting.learning_rate:g}",
                    f"{sum(o.solved for o in own)} of {len(own)}",
                    f"{time:.0f}",
                    f"{loss:.3g}",
                    "chosen" if setting == choice else "",
                )
            )
    if not rows:
        return None
    tuned = config.tuning
    note = (
        f"Of every kind of network, each setting was trained from {tuned.seeds} seeds, {tuned.seed} to "
        f"{tuned.seed + tuned.seeds - 1}, for at most {tuned.steps} steps; none of these trainings is reported. Chosen "
        f"is {RULE}. Each width is tuned for itself: rules that carry a learning rate from one "
        "width to another, such as muP (Yang et al. 2022), have none for many of the remedies."
    )
    header = ("cell", "units", "task", "length", "setting", "learning rate", "solved", "mean steps", "loss", "")
    return Table("How learning rates and strengths were chosen", header, rows, note)
