"""What a comparison came to, as a table of the report and as rows of its CSV files."""

import math
from collections.abc import Sequence

from experiments.common.prose import power
from experiments.common.report import Table
from experiments.remedies.config import Comparison, Kind, named_task
from experiments.remedies.effects import Row, effects_of, reported, rows_of
from experiments.remedies.findings import interval_of, name_of
from experiments.remedies.results import Outcome
from recurrax.tasks.task import Chance


def table(
    outcomes: Sequence[Outcome], chance: dict[Kind, Chance], costs: dict[Kind, float], config: Comparison
) -> Table:
    """Returns a row for every kind of network, in the order of the config: it is no ranking."""
    rows = []
    for row in rows_of(outcomes, config):
        kind, cost = row.kind, costs.get(row.kind, math.nan)
        rows.append(
            (
                name_of(kind, config),
                named_task(kind),
                row.setting.remedy,
                f"{row.setting.learning_rate:g}",
                str(row.rate),
                _mean_time(row),
                _compared(row),
                "" if row.loss is None else f"{row.loss.value:.2g} ({row.loss.low:.2g} to {row.loss.high:.2g})",
                f"{chance[kind].loss:.2g}",
                "" if math.isnan(row.reach) else power(row.reach),
                "" if math.isnan(cost) else f"{cost:.2g}",
                "" if math.isnan(cost) else f"{cost * row.time.value / 1e3:.2g}",
                str(row.diverged),
            )
        )
    seeds = len({o.seed for o in reported(outcomes)})
    note = (
        f"Over {seeds} seeds. Solved: share with its 95 % interval (Wilson). Mean steps: to success, with the standard "
        f"error; a training without it counts with all its {config.train.steps}. Difference: of these means, with the "
        "remedy less without, seed by seed; its 95 % interval is by changes of sign, takes them to be symmetric, and "
        "is not adjusted for the number of rows. Loss: median of the last on held-out sequences, where a solved task "
        "ends the training, with its 95 % interval (order statistics; of less than 6 its range). Chance: loss of the "
        "best blind guess. Reach: norm of the gradient of the last answer's loss at the first step over that at its "
        "own, before training. Cost: milliseconds of a training step of one network, measured once, beside the other "
        "processes. Seconds: that times the mean steps."
    )
    header = (
        "cell", "task", "remedy", "learning rate", "solved", "mean steps", "difference", "loss", "chance", "reach",
        "cost (ms)", "seconds", "diverged",
    )  # fmt: skip
    return Table("Every cell with every remedy", header, rows, note)


def _mean_time(row: Row) -> str:
    if row.rate.count == 0:
        return f"over {row.time.value:.0f}"
    return f"{row.time.value:.0f} ± {row.time.standard_error:.0f}"


def _compared(row: Row) -> str:
    if row.difference is None:
        return ""
    if row.difference.low == row.difference.high == 0:
        return "none in any seed"
    return f"{row.difference.mean:+.0f} ({interval_of(row.difference)})"


SUMMARY = (
    "cell", "hidden_units", "task", "length_steps", "remedy", "remedy_setting", "learning_rate", "solved", "trainings",
    "share_low", "share_high", "mean_time_steps", "mean_time_error_steps", "difference_steps", "difference_low_steps",
    "difference_high_steps", "eval_loss_median", "eval_loss_low", "eval_loss_high", "chance_loss", "log_reach_nats",
    "time_per_step_ms", "trainings_diverged",
)  # fmt: skip
"""Columns of summary.csv: a row is a kind of network."""


def summary_rows(
    outcomes: Sequence[Outcome], chance: dict[Kind, Chance], costs: dict[Kind, float], config: Comparison
) -> list[tuple]:
    """Returns the rows of summary.csv; what is not known is left empty."""
    rows = []
    for row in rows_of(outcomes, config):
        cost = costs.get(row.kind, math.nan)
        difference = (None, None, None) if row.difference is None else row.difference[:3]
        loss = (None, None, None) if row.loss is None else row.loss
        values = (*row.kind, *row.setting, *row.rate, *row.time, *difference, *loss, chance[row.kind].loss, row.reach,
                  cost, row.diverged)  # fmt: skip
        rows.append(tuple(None if value != value else value for value in values))
    return rows


EFFECTS = (
    "cell", "hidden_units", "remedy", "compared_with", "seeds", "difference_steps", "difference_low_steps",
    "difference_high_steps", "p", "logrank_p", "adjusted_p",
)  # fmt: skip
"""Columns of effects.csv: a row is a remedy beside the same cell without it, over all tasks and lengths."""


def effect_rows(outcomes: Sequence[Outcome], config: Comparison) -> list[tuple]:
    """Returns the rows of effects.csv."""
    return [(*e[:5], *e.difference, e.log_rank_p, e.p) for e in effects_of(outcomes, config)]
