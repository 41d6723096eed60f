"""Lyapunov spectra of the joint state."""

import numpy as np

from experiments.common.plotting import (
    Drawing,
    Rows,
    color,
    dash,
    legend_below_panel,
    new_figure,
    panel_letter,
    styled,
)
from experiments.gradient_flow import measure
from experiments.gradient_flow.results import StudyResults, snapshot_title


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the Lyapunov spectra of the joint state, a panel for every family and end of the training."""
    panels, ends = results.panels, results.cells[0].ends
    figure, axes = new_figure(
        len(ends), len(panels), width=max(4.3 * len(panels), 6.0), height=4.3, sharex=True, sharey=True
    )
    names = [f"lyapunov_{name}_nats_per_step" for name in ("mean", "lowest", "highest")]
    rows = Rows("cell", "training_step", "index", *names)
    for row, p in enumerate(ends):
        for column, (family, cells) in enumerate(panels.items()):
            ax = axes[row, column]
            ax.axhline(0, color="#555555", linewidth=0.8)
            for n, cell in enumerate(cells):
                spectrum, size = cell.arrays["lyapunov_exponent"][row], int(cell.arrays["state_size"])
                mean, low, high = spectrum.mean(0), spectrum.min(0), spectrum.max(0)
                index = np.arange(len(mean))
                ax.fill_between((index + 1) / size, low, high, color=color(n), alpha=0.16, linewidth=0)
                name = cell.start if family else cell.label
                label = f"{name}: λ₁ = {mean[0]:+.3f}, N = {size}"
                ax.plot((index + 1) / size, mean, color=color(n), linestyle=dash(n), label=label)
                rows.add(cell.label, cell.snapshots[p], index, mean, low, high)
            title = snapshot_title(cells[0].snapshots[p])
            ax.set_title(f"{family}: {title[0].lower() + title[1:]}" if family else title)
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("number i of the exponent, over N")
            legend_below_panel(ax)
            panel_letter(ax, row * len(panels) + column)
        axes[row, 0].set_ylabel("Lyapunov exponent (nats per step)")
    axes[0, 0].set_xlim(0, 1)
    # Dead units have exponents of minus infinity.
    spectra = [s[np.isfinite(s)] for s in (c.arrays["lyapunov_exponent"] for c in results.cells)]
    tops = [s.max(initial=0.0) for s in spectra]
    bottoms = [np.quantile(s, 0.08) for s in spectra if s.size] or [-1.0]
    axes[0, 0].set_ylim(min(bottoms) - 0.3, max(tops) + 0.15)
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
