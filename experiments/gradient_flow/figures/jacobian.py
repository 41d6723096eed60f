"""Singular values of the Jacobian product against the distance in time."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, color, dash, draw_band, powers_of_ten, styled
from experiments.gradient_flow.figures._families import add_legends, by_family
from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.results import StudyResults, lines_and_bands

DECADES = 40
"""As far down as the axis reaches at most."""


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the leading and the median singular value against distance, a panel for every family and end."""
    config = results.config
    figure, panels = by_family(
        results, results.cells[0].ends, xlabel="distance k (steps)", ylabel="singular value of ∂s$_T$/∂s$_{T-k}$"
    )
    names = [f"log_singular_value_{n}_nats" for n in ("lowest", "median", "highest", "of_all_median")]
    rows, lowest = Rows("cell", "training_step", "distance_steps", *names), 0.0
    for panel in panels:
        ax = panel.axes
        for n, cell in enumerate(panel.cells):
            if "log_singular_value/largest" not in cell.arrays:
                continue
            largest, middle = (
                over_seeds(cell.by_distance(f"log_singular_value/{name}", panel.row)) for name in ("largest", "median")
            )
            lowest = largest.low[np.isfinite(largest.low)].min(initial=lowest)
            distance = np.arange(len(largest.median))
            draw_band(ax, largest, color=color(n), linestyle=dash(n), label=panel.name(cell))
            ax.plot(distance, middle.median / LN10, color=color(n), linewidth=0.8, linestyle=dash(n))
            rows.add(cell.label, panel.step, distance, largest.low, largest.median, largest.high, middle.median)
    panels[0].axes.set_xlim(0, results.longest)
    powers_of_ten(panels[0].axes.yaxis)
    # The median may fall three times as far in its logarithm, and would leave no room for what the figure is about.
    panels[0].axes.set_ylim(bottom=max(1.25 * lowest / LN10 - 1, -DECADES))
    add_legends(panels)
    caption = (
        "Thick: leading singular value of the Jacobian product, the most that any small difference in the state can "
        f"grow over k steps; thin: the median of all singular values. {results.source}. {results.sizes}. "
        f"{lines_and_bands(config.seeds, config.measure.jacobian_batch)} (of the leading one). The lower edge is cut."
    )
    left_out = [cell.label for cell in results.cells if "log_singular_value/largest" not in cell.arrays]
    if left_out:
        caption += (
            f" Not measured, since their states have more than {measure.LARGE_STATE} numbers: {', '.join(left_out)}."
        )
    return Drawing("jacobian", "Singular values of the Jacobian product", figure, rows.columns, caption)
