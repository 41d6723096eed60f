"""Reach against what the study varies: the hidden size, the length, the forget bias, the gain."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    legend_below_panel,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title
from experiments.gradient_flow.variants import AXES

NAMES = {
    "hidden_size": "hidden size H",
    "length": "length T (steps)",
    "forget_bias": "forget bias",
    "gain": "gain of the recurrent weights",
}


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws what is left of the norm at the greatest distance against every axis; None where nothing is varied."""
    names = [name for name in NAMES if len({dict(cell.variant.axes).get(name) for cell in results.cells} - {None}) > 1]
    if not names:
        return None
    ends = results.cells[0].ends
    figure, panels = new_figure(len(ends), len(names), width=max(5.0 * len(names), 6.0), height=4.4, sharey=True)
    curves = [f"log_ratio_{name}_nats" for name in ("lowest", "median", "highest")]
    rows = Rows("cell", "training_step", "axis", "axis_value", "distance_steps", *curves)
    for row, p in enumerate(ends):
        for column, name in enumerate(names):
            ax = panels[row, column]
            for n, (label, cells) in enumerate(_lines(results, name).items()):
                values = [dict(cell.variant.axes)[name] for cell in cells]
                b = over_seeds(np.stack([cell.reach(p) for cell in cells]))
                error = (b.median - b.low, b.high - b.median)
                place = {"color": color(n), "marker": "o", "markersize": 4, "capsize": 2}
                ax.errorbar(values, b.median / LN10, np.array(error) / LN10, label=label, **place)
                rows.add(
                    label, cells[0].snapshots[p], name, values, [c.longest for c in cells], b.low, b.median, b.high
                )
            ax.set_title(snapshot_title(results.cells[0].snapshots[p]))
            ax.set_xlabel(NAMES[name])
            legend_below_panel(ax)
            panel_letter(ax, row * len(names) + column)
        panels[row, 0].set_ylabel("norm at k = T, relative to k = 0")
    powers_of_ten(panels[0, 0].yaxis)
    caption = (
        "What is left of the gradient norm at the greatest distance, k = T, against what is varied. "
        f"{results.source}. {results.sizes}. Points: the median of {results.config.seeds} seeds, each the median over "
        f"its {results.config.measure.batch} sequences; bars: from the lowest seed to the highest."
    )
    return Drawing("axes", "Reach against what is varied", figure, rows.columns, caption)


def _lines(results: StudyResults, name: str) -> dict[str, list[CellResults]]:
    """Returns the cells that differ in one axis alone, by what they have in common."""
    lines: dict[str, list[CellResults]] = {}
    for cell in results.cells:
        axes = dict(cell.variant.axes)
        if name in axes:
            others = [AXES[other].format(value) for other, value in axes.items() if other != name]
            lines.setdefault(", ".join([cell.variant.source, *others]), []).append(cell)
    for cells in lines.values():
        cells.sort(key=lambda cell: dict(cell.variant.axes)[name])
    return lines
