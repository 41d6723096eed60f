"""Whether the loss sees the directions in which early states live on."""

import numpy as np

from experiments.common.bands import band
from experiments.common.plotting import LN10, Drawing, Rows, color, draw_band, legend_below, powers_of_ten, styled
from experiments.gradient_flow.figures._grid import grid
from experiments.gradient_flow.results import StudyResults

CURVES = {
    "largest_gain": ("the best direction (leading singular value)", 6, (0, (6, 1.5))),
    "random_gain": ("a random direction (root mean square)", 5, (0, (1.5, 1))),
    "gain": ("the gradient of the loss", 0, "-"),
}
PART = "the gradient's part in the leading directions"


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws what is left of the gradient beside what might be left; None where it was measured of no cell."""
    config, cells = results.config, [cell for cell in results.cells if "alignment/gain" in cell.arrays]
    if not cells:
        return None
    figure, panels = grid(cells, "left after k steps", sharex=True, sharey=True)
    logs = (*CURVES, "share")
    rows = Rows("cell", "training_step", "distance_steps", *(f"log_{name}_nats" for name in logs), "leading_directions")
    lowest = 0.0
    for ax, cell, end, step in panels:
        curves = {name: band(cell.by_distance(f"alignment/{name}", end)) for name in logs}
        for name, (text, shade, line) in CURVES.items():
            draw_band(ax, curves[name], color=color(shade), linestyle=line, label=text)
        ax.plot(curves["share"].median / 2 / LN10, color=color(2), linewidth=1.1, label=PART)
        distance = np.arange(len(curves["gain"].median))
        leading = cell.arrays["leading_directions"][end].mean(0)
        rows.add(cell.label, step, distance, *(curve.median for curve in curves.values()), leading)
        shown = np.concatenate([curves[name].median for name in ("gain", "largest_gain")])
        lowest = min(lowest, shown[np.isfinite(shown)].min(initial=0.0))
        ax.set_xlim(0, len(distance) - 1)
        powers_of_ten(ax.yaxis)
    panels[0].axes.set_ylim(bottom=max(1.1 * lowest / LN10 - 1, -40.0))
    for panel in panels:
        panel.axes.set_xlabel("distance k (steps)")
    legend_below(figure, *panels[0].axes.get_legend_handles_labels())
    caption = (
        "What is left, k steps back, of the gradient g of the last loss by the last state: |Jᵀg| / |g| with "
        "J = ∂s$_T$/∂s$_{T-k}$. Beside it what would be left of a gradient in the best and in a random direction. "
        "Where the first lies far above the gradient, the state keeps something of its past that the loss does not "
        "see. Green: norm of the part of g / |g| in the leading directions, those whose singular value is at least a "
        f"tenth of the largest; at k = 0 all of them. {results.source}. H = {config.hidden_size}; median and 10 % to "
        f"90 % over {config.seeds} seeds x {config.measure.jacobian_batch} sequences. The lower edge is cut."
    )
    return Drawing("alignment", "Does the loss see what the state keeps?", figure, rows.columns, caption)
