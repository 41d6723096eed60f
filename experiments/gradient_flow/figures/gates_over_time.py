"""What the gates do step by step, while a sequence is read."""

import numpy as np

from experiments.common.plotting import Drawing, Rows, styled
from experiments.gradient_flow.figures._gates import grid_of_gates
from experiments.gradient_flow.results import StudyResults

STATISTICS = ("q10", "mean", "q90")


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the mean of every gate against time; None where no cell has gates."""
    if (made := grid_of_gates(results, "time t (steps)", "mean activation")) is None:
        return None
    figure, panels = made
    rows = Rows("cell", "training_step", "gate", "time_step", *(f"activation_{name}" for name in STATISTICS))
    for panel in panels:
        (low, high), longest = panel.limits, 1
        for cell, end, step, style in panel.curves():
            of_seeds = {name: cell.arrays[f"gate_over_time/{name}/{panel.gate}"][end] for name in STATISTICS}
            mean = of_seeds["mean"]
            time = np.arange(mean.shape[1])
            panel.axes.fill_between(time, mean.min(0), mean.max(0), color=style["color"], alpha=0.16, linewidth=0)
            panel.axes.plot(time, mean.mean(0), **style)
            rows.add(cell.label, step, panel.gate, time, *(values.mean(0) for values in of_seeds.values()))
            longest = max(longest, len(time) - 1)
        margin = 0.03 * (high - low)
        panel.axes.set_ylim(low - margin, high + margin)
        panel.axes.set_xlim(0, longest)
    seeds = results.config.seeds
    band = f", over {seeds} seeds; bands: from the lowest seed to the highest" if seeds > 1 else ", of one seed"
    caption = (
        "The gates while a sequence is read from its first step on, with a zero state before: how they settle. Lines: "
        f"mean over units and {results.config.measure.batch} sequences{band}. A gate follows the input of its own "
        f"sequence, which a mean over sequences does not show. {results.source}. {results.sizes}. The CSV has the "
        "quantiles over units and sequences: where 80 % of them lie."
    )
    return Drawing("gates_over_time", "Gates step by step", figure, rows.columns, caption)
