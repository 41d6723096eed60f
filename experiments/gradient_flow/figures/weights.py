"""From which distance the gradient of the weights comes."""

import numpy as np

from experiments.common.bands import over_seeds, together
from experiments.common.plotting import LN10, Drawing, Rows, color, dash, draw_band, powers_of_ten, styled
from experiments.gradient_flow.figures._families import add_legends, by_family
from experiments.gradient_flow.results import CellResults, StudyResults

DECADES = 24
"""As far down as the axis reaches at most, below the largest norm."""


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws what the step at each distance adds to the gradient of all weights; the CSV has each of them."""
    figure, panels = by_family(
        results, results.cells[0].ends, xlabel="distance k from the loss (steps)", ylabel="norm of the step's part"
    )
    curves = [f"log_norm_{name}_nats" for name in ("lowest", "median", "highest")]
    rows, ends = Rows("cell", "training_step", "part", "distance_steps", *curves), []
    for panel in panels:
        for n, cell in enumerate(panel.cells):
            logs = of_weights(cell, panel.row)
            for part, values in logs.items():
                b = over_seeds(values)
                rows.add(cell.label, panel.step, part, np.arange(len(values)), b.low, b.median, b.high)
            b = over_seeds(together(list(logs.values())))
            draw_band(panel.axes, b, color=color(n), linestyle=dash(n), label=panel.name(cell))
            ends += [*b.median[np.isfinite(b.median)]]
    high, low = max(ends, default=0.0) / LN10, min(ends, default=-1.0) / LN10
    panels[0].axes.set_xlim(0, results.longest - 1)
    panels[0].axes.set_ylim(max(low, high - DECADES) - 0.5, high + 1.0)
    powers_of_ten(panels[0].axes.yaxis)
    add_legends(panels)
    caption = (
        "What the step at distance k adds to the gradient of the cell's weights, all of them together: the gradient by "
        "weights of that step's own. The sum over all steps is the gradient that training sees; the parts add up, "
        f"their norms do not. {results.source}. {results.sizes}. {results.sample}. A loss at the last step; the lower "
        "edge may be cut. The CSV has every weight by itself."
    )
    return Drawing("weights", "Which steps the gradient of the weights comes from", figure, rows.columns, caption)


def of_weights(cell: CellResults, end: int) -> dict[str, np.ndarray]:
    """Returns the log norm of the part of every weight by distance and seed, `[K, S]`, by the name of the weight."""
    return {name: cell.by_distance(f"log_norm_weight/{name}", end) for name in cell.group("log_norm_weight")}
