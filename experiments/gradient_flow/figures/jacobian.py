"""Singular values of the Jacobian product against the distance in time."""

import numpy as np

from experiments.common.bands import band
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    draw_band,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow import measure
from experiments.gradient_flow.results import StudyResults, snapshot_title


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws singular values of the Jacobian product against distance."""
    config, cells, ends = results.config, results.cells, results.cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=4.3, sharey=True)
    rows = Rows(
        "cell",
        "training_step",
        "distance_steps",
        *(f"log_singular_value_{n}_nats" for n in ("q10", "median", "q90", "of_all_median")),
    )
    lowest = 0.0
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        for n, cell in enumerate(cells):
            if "log_singular_value/largest" not in cell.arrays:
                continue
            largest, middle = (
                band(cell.by_distance(f"log_singular_value/{name}", panel)) for name in ("largest", "median")
            )
            lowest = largest.low[np.isfinite(largest.low)].min(initial=lowest)
            distance = np.arange(len(largest.median))
            draw_band(ax, largest, color=color(n), linestyle=dash(n), label=cell.label)
            ax.plot(distance, middle.median / LN10, color=color(n), linewidth=0.9, linestyle=dash(n), alpha=0.7)
            rows.add(cell.label, cell.snapshots[p], distance, largest.low, largest.median, largest.high, middle.median)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("distance k (steps)")
        ax.set_xlim(0, config.measure.length)
        powers_of_ten(ax.yaxis)
        panel_letter(ax, panel)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for width in (1.8, 0.9):
        handles += axes[0, 0].plot([], [], color="#555555", linewidth=width)
    legend_below(figure, handles, [*labels, "largest", "median of all"])
    # The median may fall three times as far in its logarithm, and would leave no room for what the figure is about.
    axes[0, 0].set_ylim(bottom=1.25 * lowest / LN10 - 1)
    axes[0, 0].set_ylabel("singular value of ∂s$_T$/∂s$_{T-k}$")
    caption = (
        "Thick: leading singular value of the Jacobian product, the most that any small difference in the state can "
        f"grow over k steps; thin: the median of all singular values. {results.source}. H = {config.hidden_size}; "
        f"median and 10 % to 90 % (of the leading one) over {config.seeds} seeds x {config.measure.jacobian_batch} "
        "sequences. The lower edge is cut."
    )
    left_out = [cell.label for cell in cells if "log_singular_value/largest" not in cell.arrays]
    if left_out:
        caption += (
            f" Not measured, since their states have more than {measure.LARGE_STATE} numbers: {', '.join(left_out)}."
        )
    return Drawing("jacobian", "Singular values of the Jacobian product", figure, rows.columns, caption)
