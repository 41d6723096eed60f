"""The figure of the study: the gradient norm against the distance in time, a panel for every family of cells."""

from collections.abc import Sequence

import numpy as np

from experiments.common.bands import missing, over_seeds
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    draw_band,
    powers_of_ten,
    styled,
)
from experiments.common.prose import power, ten_to
from experiments.gradient_flow.figures._families import add_legends, by_family
from experiments.gradient_flow.results import CellResults, StudyResults
from experiments.gradient_flow.timescales import timescale_text

DECADES = 24
"""As far down as the axis reaches."""
THEORY = "mean-field theory"


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the norm of dL/ds_{T-k} over that at the loss against k, at the first and the last snapshot."""
    figure, panels = by_family(
        results,
        results.cells[0].ends,
        xlabel="distance k from the loss (steps)",
        ylabel="norm of ∂L/∂s$_{T-k}$, relative to k = 0",
        height=4.6,
    )
    curves = [f"log_ratio_{name}_nats" for name in ("lowest", "median", "highest", "theory")]
    rows, lowest = Rows("cell", "training_step", "distance_steps", *curves), 0.0
    for panel in panels:
        ax, p = panel.axes, panel.snapshot
        for n, cell in enumerate(panel.cells):
            b, distance = over_seeds(cell.ratio("log_norm/joint", p)), np.arange(cell.longest + 1)
            fit = timescale_text(cell.timescale("log_norm/joint", p))
            left_out = missing(cell.of_sequences("log_norm/joint", p))
            draw_band(ax, b, color=color(n), linestyle=dash(n), label=f"{panel.name(cell)}: {fit}{left_out}")
            theory = _theory(cell) if p == 0 else None
            if theory is not None:
                ax.plot(distance, theory / LN10, color=color(n), linewidth=1.0, linestyle=":")
            lowest = min(lowest, *b.median[np.isfinite(b.median)] / LN10, 0.0)
            theory = np.full(len(distance), np.nan) if theory is None else theory
            rows.add(cell.label, panel.step, distance, b.low, b.median, b.high, theory)
        if p == 0 and any(_theory(cell) is not None for cell in panel.cells):
            ax.plot([], [], color="#555555", linewidth=1.0, linestyle=":", label=THEORY)
    panels[0].axes.set_xlim(0, results.longest)
    panels[0].axes.set_ylim(bottom=max(1.05 * lowest - 0.3, -DECADES))
    powers_of_ten(panels[0].axes.yaxis)
    add_legends(panels)
    caption = (
        "Norm of the total gradient of the loss at step T with respect to the whole state k steps earlier, relative to "
        "that at the loss; k = T is the state that a sequence begins with, and its first steps lie at the right end. "
        f"{results.source}. {results.sizes}. {results.sample}. τ: steps in which the norm falls to 1/e, ± standard "
        "error over seeds, with the distances that the line was fitted to; no exponential: no straight line fits half "
        "of the distances."
    )
    if lowest < -DECADES:
        caption += f" The axis ends at {ten_to(-DECADES)}; results.csv holds what is below."
    caption += _said_of_theory(results.cells)
    return Drawing("gradient_norm", "Gradient norm against distance", figure, rows.columns, caption)


def _theory(cell: CellResults) -> np.ndarray | None:
    return cell.arrays["theory/log_ratio"].mean(0) if "theory/log_ratio" in cell.arrays else None


def _said_of_theory(cells: Sequence[CellResults]) -> str:
    """Says which theory is drawn, and how far off it is."""
    off = {
        cell.label: abs(theory[-1] - np.median(cell.reach(0)))
        for cell in cells
        if (theory := _theory(cell)) is not None
    }
    if not off:
        return ""
    factors = ", ".join(f"{power(distance)} in {label}" for label, distance in off.items())
    return (
        " Dotted: mean-field theory of a random tanh network with independent weights (Chen et al. 2018), (k/2) ln χ "
        "with the variances measured in the weights and in the projected inputs. It is of infinitely many units; at "
        f"the greatest distance it is off by a factor of {factors}."
    )
