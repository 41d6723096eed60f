"""Whether the loss sees the directions in which early states live on."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, color, draw_band, powers_of_ten, styled
from experiments.gradient_flow.figures._families import add_legends, by_family
from experiments.gradient_flow.results import StudyResults, lines_and_bands

LOGS = ("largest_gain", "random_gain", "gain", "share")
DECADES = 40
"""As far down as the axis reaches at most."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws what is left of the gradient beside what might be left; None where it was measured of no cell."""
    config = results.config
    if not any("alignment/gain" in cell.arrays for cell in results.cells):
        return None
    figure, panels = by_family(
        results, results.cells[0].ends, xlabel="distance k (steps)", ylabel="left of the last state's gradient"
    )
    rows = Rows("cell", "training_step", "distance_steps", *(f"log_{name}_nats" for name in LOGS), "leading_directions")
    lowest = 0.0
    for panel in panels:
        for n, cell in enumerate(panel.cells):
            if "alignment/gain" not in cell.arrays:
                continue
            curves = {name: over_seeds(cell.by_distance(f"alignment/{name}", panel.row)) for name in LOGS}
            draw_band(panel.axes, curves["gain"], color=color(n), label=panel.name(cell))
            best, distance = curves["largest_gain"].median, np.arange(len(curves["gain"].median))
            panel.axes.plot(distance, best / LN10, color=color(n), linewidth=1.2, linestyle=(0, (1.5, 1)))
            leading = cell.arrays["leading_directions"][panel.row].mean(0)
            rows.add(cell.label, panel.step, distance, *(curve.median for curve in curves.values()), leading)
            shown = np.concatenate([curves["gain"].low, best])
            lowest = min(lowest, shown[np.isfinite(shown)].min(initial=0.0))
        for style, text in (("-", "solid: gradient of the loss"), ((0, (1.5, 1)), "dotted: the best direction")):
            panel.axes.plot([], [], color="#555555", linestyle=style, linewidth=1.2, label=text)
    panels[0].axes.set_xlim(0, results.longest)
    powers_of_ten(panels[0].axes.yaxis)
    panels[0].axes.set_ylim(bottom=max(1.1 * lowest / LN10 - 1, -DECADES))
    add_legends(panels)
    caption = (
        "What is left, k steps back, of the gradient g of the last loss by the last state: |Jᵀg| / |g| with "
        "J = ∂s(T)/∂s(T - k). Dotted: what would be left of a gradient in the best direction, the leading singular "
        "value of J. Where dotted lies far above solid in one colour, the state keeps something of its past that the "
        "loss does not see. The CSV has a random direction as well, and the share of g in the leading directions. "
        f"{results.source}. {results.sizes}. {lines_and_bands(config.seeds, config.measure.jacobian_batch)} (of the "
        "gradient of the loss). The lower edge is cut."
    )
    return Drawing("alignment", "Does the loss see what the state keeps?", figure, rows.columns, caption)
