"""The figure of the study: the gradient norm against the distance in time, with its fit and with theory."""

import numpy as np

from experiments.common.bands import band, missing
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    draw_band,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import StudyResults, snapshot_title
from experiments.gradient_flow.timescales import timescale_text


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the norm of dL/ds_{T-k} against k, at the first and the last snapshot."""
    config, cells, ends = results.config, results.cells, results.cells[0].ends
    figure, axes = new_figure(1, len(ends), width=5.2 * len(ends), height=5.0, sharey=True)
    rows = Rows(
        "cell",
        "training_step",
        "distance_steps",
        "log_norm_q10_nats",
        "log_norm_median_nats",
        "log_norm_q90_nats",
        "log_norm_theory_nats",
    )
    for panel, p in enumerate(ends):
        ax = axes[0, panel]
        for n, cell in enumerate(cells):
            b, fits = band(cell.by_distance("log_norm/joint", p)), cell.timescales("log_norm/joint", p)
            left_out = missing(cell.by_distance("log_norm/joint", p))
            draw_band(
                ax, b, color=color(n), linestyle=dash(n), label=f"{cell.label}   {timescale_text(fits)}{left_out}"
            )
            distance, theory = np.arange(len(b.median)), np.full(len(b.median), np.nan)
            if p == 0 and "theory/log_ratio" in cell.arrays:
                theory = b.median[0] + cell.arrays["theory/log_ratio"].mean(0)
                ax.plot(distance, theory / LN10, color=color(n), linewidth=1.0, linestyle=":")
            rows.add(cell.label, cell.snapshots[p], distance, b.low, b.median, b.high, theory)
        ax.set_title(snapshot_title(cells[0].snapshots[p]))
        ax.set_xlabel("distance k from the loss (steps)")
        handles, labels = ax.get_legend_handles_labels()
        if p == 0 and any("theory/log_ratio" in cell.arrays for cell in cells):
            handles += ax.plot([], [], color="#555555", linewidth=1.0, linestyle=":")
            labels.append("theory, see caption")
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(0, -0.14), borderaxespad=0)
        ax.set_xlim(0, config.measure.length)
        powers_of_ten(ax.yaxis)
        panel_letter(ax, panel)
    axes[0, 0].set_ylabel("norm of ∂L/∂s$_{T-k}$")
    theory = " ".join(dict.fromkeys(str(c.arrays["theory/text"]) for c in cells if "theory/text" in c.arrays))
    caption = (
        "Norm of the total gradient of the loss at step T with respect to the whole state k steps earlier. "
        f"{results.source}. H = {config.hidden_size}, T = {config.measure.length}; lines: median over {config.seeds} "
        f"seeds x {config.measure.batch} sequences, shaded: 10 % to 90 %. τ: steps in which the norm falls to 1/e, ± "
        "standard error over seeds, fitted to the first stretch that is about exponential and, where the slope changes "
        f"later, to the second half as well. {theory}"
    )
    return Drawing("gradient_norm", "Gradient norm against distance", figure, rows.columns, caption)
