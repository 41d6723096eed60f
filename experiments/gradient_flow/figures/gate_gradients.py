"""The gradient by what each gate is given, step by step."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, color, dash, draw_band, legend_below, powers_of_ten, styled
from experiments.gradient_flow.figures._grid import grid
from experiments.gradient_flow.results import StudyResults

DECADES = 24
"""As far down as the axis reaches at most, below the largest norm."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the gradient by the pre-activation of every gate against distance; None where it was measured of no cell.

    A panel for every cell, at the last snapshot.
    """
    cells = [cell for cell in results.cells if cell.group("log_norm_gate")]
    if not cells:
        return None
    figure, panels = grid(cells, "norm of ∂L/∂(gate)", ends=slice(-1, None), height=3.2, sharex=True, sharey=True)
    curves = [f"log_norm_{name}_nats" for name in ("lowest", "median", "highest")]
    rows, ends = Rows("cell", "training_step", "gate", "distance_steps", *curves), []
    gates = list(dict.fromkeys(gate for cell in cells for gate in cell.group("log_norm_gate")))
    lines = {}
    for panel in panels:
        for gate in panel.cell.group("log_norm_gate"):
            b, n = over_seeds(panel.cell.by_distance(f"log_norm_gate/{gate}", -1)), gates.index(gate)
            draw_band(panel.axes, b, color=color(n), linestyle=dash(n), linewidth=1.4)
            lines[gate] = panel.axes.get_lines()[-1]
            rows.add(panel.cell.label, panel.step, gate, np.arange(len(b.median)), b.low, b.median, b.high)
            ends += [*b.median[np.isfinite(b.median)]]
        panel.axes.set_xlabel("distance k from the loss (steps)")
    high, low = max(ends, default=0.0) / LN10, min(ends, default=-1.0) / LN10
    panels[0].axes.set_xlim(0, results.longest - 1)
    panels[0].axes.set_ylim(max(low, high - DECADES) - 0.5, high + 1.0)
    powers_of_ten(panels[0].axes.yaxis)
    legend_below(figure, [lines[gate] for gate in gates], [f"gate {gate}" for gate in gates])
    caption = (
        "The gradient of the last loss by the pre-activation of every gate, k steps back. A gate that is saturated, or "
        f"whose effect is shut off by another, gets little. {results.source}. {results.sizes}. {results.sample}. The "
        "lower edge may be cut."
    )
    return Drawing("gate_gradients", "Which gates the gradient reaches", figure, rows.columns, caption)
