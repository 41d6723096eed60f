"""Lyapunov spectra of the joint state."""

import numpy as np

from experiments.common.plotting import (
    Drawing,
    Rows,
    color,
    dash,
    styled,
)
from experiments.gradient_flow.figures._families import add_legends, by_family
from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the Lyapunov spectra of the joint state, a panel for every family and end of the training."""
    figure, panels = by_family(
        results,
        results.cells[0].ends,
        xlabel="number i of the exponent, over N",
        ylabel="Lyapunov exponent (nats per step)",
        height=4.3,
    )
    names = [f"lyapunov_{name}_nats_per_step" for name in ("mean", "lowest", "highest")]
    rows = Rows("cell", "training_step", "index", *names)
    for panel in panels:
        panel.axes.axhline(0, color="#555555", linewidth=0.8)
        for n, cell in enumerate(panel.cells):
            spectrum, size = cell.arrays["lyapunov_exponent"][panel.row], int(cell.arrays["state_size"])
            mean, low, high = spectrum.mean(0), spectrum.min(0), spectrum.max(0)
            index = np.arange(len(mean))
            panel.axes.fill_between((index + 1) / size, low, high, color=color(n), alpha=0.16, linewidth=0)
            label = f"{panel.name(cell)}: λ₁ = {mean[0]:+.3f}, N = {size}"
            panel.axes.plot((index + 1) / size, mean, color=color(n), linestyle=dash(n), label=label)
            rows.add(cell.label, panel.step, index, mean, low, high)
    add_legends(panels)
    panels[0].axes.set_xlim(0, 1)
    # Dead units have exponents of minus infinity.
    spectra = [s[np.isfinite(s)] for s in (c.arrays["lyapunov_exponent"] for c in results.cells)]
    tops = [s.max(initial=0.0) for s in spectra]
    bottoms = [np.quantile(s, 0.08) for s in spectra if s.size] or [-1.0]
    panels[0].axes.set_ylim(min(bottoms) - 0.3, max(tops) + 0.15)
    seeds = results.config.seeds
    band = f"lines: mean of {seeds} seeds, bands: from the lowest seed to the highest" if seeds > 1 else "one seed"
    caption = (
        "All Lyapunov exponents of the joint state (for an LSTM h and c together), largest first: the mean rate at "
        f"which small differences grow (above 0) or fade. {results.source}. Along one sequence of "
        f"{results.config.measure.lyapunov_length} steps, the first tenth not counted; {results.sizes}; {band}. "
        "The lower edge is cut."
    )
    if any(cell.arrays["state_size"] > measure.LARGE_STATE for cell in results.cells):
        caption += f" Of states with N > {measure.LARGE_STATE} the {measure.LEADING} leading exponents are measured."
    return Drawing("lyapunov", "Lyapunov spectra", figure, rows.columns, caption)
