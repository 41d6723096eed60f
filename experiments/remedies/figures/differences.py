"""The figure of what each remedy changes in the time to success, with intervals."""

from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, legend_below, new_figure, panel_letter, styled
from experiments.remedies.config import Comparison
from experiments.remedies.effects import effects_of, rows_of
from experiments.remedies.figures._panels import WIDTH, columns_of, label_of
from experiments.remedies.results import Outcome

_MARKERS = "osD^v<>P"


@styled
def differences(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws a panel for every cell and width, with an interval for every remedy, task and length."""
    columns = columns_of(config)
    rows = [row for row in rows_of(outcomes, config) if row.difference is not None]
    told = {(e.cell, e.hidden_size, e.remedy) for e in effects_of(outcomes, config) if e.told}
    remedies = [remedy for remedy in config.remedies if any(row.kind.remedy == remedy for row in rows)]
    strata = list(dict.fromkeys((row.kind.task, row.kind.length) for row in rows))
    horizon, height = config.train.steps, 1.4 + 0.3 * max(len(remedies), 3) * max(1, 0.6 * len(strata))
    figure, axes = new_figure(
        1, len(columns), width=1.5 + WIDTH * len(columns), height=height, sharex=True, sharey=True
    )
    table = Rows("cell", "hidden_units", "task", "length_steps", "remedy", "difference_steps", "difference_low_steps",
                 "difference_high_steps", "told")  # fmt: skip
    handles = {}
    for n, (key, title) in enumerate(columns.items()):
        ax = axes[0, n]
        ax.axvline(0, color="#555555", linewidth=1.0)
        for row in rows:
            if (row.kind.cell, row.kind.hidden_size) != key or row.difference is None:
                continue
            stratum = strata.index((row.kind.task, row.kind.length))
            place = remedies.index(row.kind.remedy) + 0.6 * ((stratum + 0.5) / len(strata) - 0.5)
            is_told = (*key, row.kind.remedy) in told
            low, high = np.clip(row.difference[1:3], -1.2 * horizon, 1.2 * horizon)
            ax.plot([low, high], [place, place], color=color(stratum), linewidth=1.4)
            (handle,) = ax.plot(
                row.difference.mean, place, _MARKERS[stratum % len(_MARKERS)], color=color(stratum), markersize=6,
                markerfacecolor=color(stratum) if is_told else "white", linestyle="none",
            )  # fmt: skip
            handles.setdefault(f"{row.kind.task}, length {row.kind.length}", handle)
            table.add(*row.kind, *row.difference[:3], "yes" if is_told else "no")
        ax.set_title(title)
        ax.set_xlim(-1.05 * horizon, 1.05 * horizon)
        ax.set_xlabel("sooner  ←  steps  →  later")
        panel_letter(ax, n)
    axes[0, 0].set_yticks(range(len(remedies)), [label_of(remedy) for remedy in remedies])
    axes[0, 0].set_ylim(len(remedies) - 0.4, -0.6)
    if len(strata) > 1:
        legend_below(figure, list(handles.values()), list(handles))
    caption = (
        f"Mean time to success within {horizon} steps, with the remedy less without it, seed by seed; lines are 95 % "
        "intervals by changes of sign, one by one. A filled marker is a difference that is told: its p-value, over "
        "tasks and lengths together, is at most 0.05 after Holm's adjustment for all comparisons of the report; it is "
        "not told of each task and length by itself. A remedy "
        "without a marker does not apply to the cell; a line from edge to edge excludes nothing."
    )
    return Drawing("differences", "What each remedy changes", figure, table.columns, caption)
