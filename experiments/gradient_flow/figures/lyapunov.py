"""Lyapunov spectra of the joint state."""

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, panel_letter, styled
from experiments.gradient_flow import measure
from experiments.gradient_flow.results import StudyResults, snapshot_title


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the Lyapunov spectra of the joint state."""
    config, cells, ends = results.config, results.cells, results.cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=4.0, sharey=True)
    rows = Rows(
        "cell", "training_step", "index", *(f"lyapunov_{name}_nats_per_step" for name in ("mean", "lowest", "highest"))
    )
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        ax.axhline(0, color="#555555", linewidth=0.8)
        for n, cell in enumerate(cells):
            spectrum, size = cell.arrays["lyapunov_exponent"][panel], int(cell.arrays["state_size"])
            mean, low, high = spectrum.mean(0), spectrum.min(0), spectrum.max(0)
            index = np.arange(1, len(mean) + 1)
            ax.fill_between(index / size, low, high, color=color(n), alpha=0.16, linewidth=0)
            label = f"{cell.label}   λ₁ = {mean[0]:+.3f}, N = {size}"
            ax.plot(index / size, mean, color=color(n), linestyle=dash(n), label=label)
            rows.add(cell.label, cell.snapshots[p], index - 1, mean, low, high)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("index i / N")
        ax.set_xlim(0, 1)
        ax.legend(loc="lower left")
        panel_letter(ax, panel)
    # Dead units have exponents of minus infinity.
    spectra = [s[np.isfinite(s)] for s in (c.arrays["lyapunov_exponent"] for c in cells)]
    tops = [s.max(initial=0.0) for s in spectra]
    bottoms = [np.quantile(s, 0.08) for s in spectra if s.size] or [-1.0]
    axes[0, 0].set_ylim(min(bottoms) - 0.3, max(tops) + 0.15)
    axes[0, 0].set_ylabel("Lyapunov exponent (nats per step)")
    caption = (
        "All Lyapunov exponents of the joint state (for an LSTM h and c together), largest first: the mean rate at "
        f"which small differences grow (above 0) or fade. {results.source}. Along {config.measure.lyapunov_length} "
        f"steps, the first tenth not counted; H = {config.hidden_size}; line: mean over {config.seeds} seeds, shaded: "
        "from the lowest to the highest seed. The lower edge is cut."
    )
    if any(cell.arrays["state_size"] > measure.LARGE_STATE for cell in cells):
        caption += f" Of states with N > {measure.LARGE_STATE} the {measure.LEADING} leading exponents are measured."
    return Drawing("lyapunov", "Lyapunov spectra", figure, rows.columns, caption)
