"""How learning rate and strength are chosen: on seeds that are not reported, by one rule."""

import math
from collections.abc import Sequence

import numpy as np

from experiments.common.report import Table
from experiments.remedies.config import Comparison, Kind, Setting
from experiments.remedies.results import Outcome

RULE = (
    "the least mean time to success, where a training without success counts with all its steps; of equal ones the "
    "least median of the last held-out loss, where one that diverged counts as infinite; of equal ones the first"
)
"""In words, for the report."""


def choose(outcomes: Sequence[Outcome], config: Comparison) -> dict[Kind, Setting]:
    """Returns the setting of every kind: the only one, or the one that did best in the trainings of the tuning."""
    chosen = {}
    for kind in config.kinds:
        settings = config.settings(kind.remedy)
        own = {s: [o for o in outcomes if o.kind == kind and o.setting == s and o.tuning] for s in settings}
        chosen[kind] = min(settings, key=lambda s, own=own: _score(own[s])) if len(settings) > 1 else settings[0]
    return chosen


def _score(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Returns what is to be small; infinite where nothing was trained."""
    if not outcomes:
        return math.inf, math.inf
    losses = [math.inf if math.isnan(o.loss) else o.loss for o in outcomes]
    return float(np.mean([o.time for o in outcomes])), float(np.median(losses))


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
