"""The figure that sets cells side by side, any number of them: how far the gradient reaches at initialisation."""

import math

import numpy as np
from matplotlib.axes import Axes

from experiments.common.bands import band, relative
from experiments.common.plotting import (
    LN10,
    Drawing,
    color,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import StudyResults

FADES, GROWS, FLAT = color(1), color(0), "#555555"


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws every cell's time scale, and what is left of the gradient, at initialisation; the longest reach on top."""
    config, cells, far = results.config, results.cells, results.longest
    fits = [cell.timescales("log_norm/joint", 0)[0] for cell in cells]
    curves = [band(cell.by_distance("log_norm/joint", 0)) for cell in cells]
    left = np.array([[relative(curve)[far] for curve in (c.low, c.median, c.high)] for c in curves]) / LN10
    order = np.argsort(-left[:, 1], kind="stable")
    place = np.arange(len(cells))[::-1]
    figure, axes = new_figure(1, 2, width=10.0, height=1.6 + 0.26 * len(cells), sharey=True)
    scales, remains = axes[0]
    for y, n in zip(place, order, strict=True):
        _time_scale(scales, y, fits[n])
        finite = np.isfinite(left[n])
        tone = GROWS if left[n, 1] > 0 else FADES
        remains.plot(left[n, [0, 2]][finite[[0, 2]]], [y] * finite[[0, 2]].sum(), color=tone, linewidth=1.2)
        if finite[1]:
            remains.plot(left[n, 1], y, "o", color=tone, markersize=5)
        else:
            remains.annotate("0", (0, y), xycoords=("axes fraction", "data"), color=tone, va="center")
    scales.set_xscale("log")
    scales.set_xlabel("time scale |τ| (steps)")
    scales.set_yticks(place, [cells[n].label for n in order])
    scales.set_ylim(-0.7, len(cells) - 0.3)
    keys = (("fades", "o", FADES), ("grows", "o", GROWS), ("flat within error", ">", FLAT))
    handles = [scales.plot([], [], marker, color=tone, markersize=5)[0] for _, marker, tone in keys]
    legend_below(figure, handles, [text for text, _, _ in keys])
    remains.axvline(0, color="#555555", linewidth=0.8)
    powers_of_ten(remains.xaxis)
    remains.set_xlabel(f"norm of ∂L/∂s$_{{T-{far}}}$ over that at the loss")
    for index, ax in enumerate(axes[0]):
        ax.grid(axis="y", linewidth=0.4)
        panel_letter(ax, index)
    caption = (
        "Cells at initialisation, the one whose gradient reaches farthest on top. "
        f"{results.source}. H = {config.hidden_size}. (a) Steps in which the norm of the total gradient with respect "
        "to the whole state falls (or grows) e-fold, fitted to the first stretch that is about exponential, ± standard "
        "error over seeds; ▸: no change within error, at least so long. (b) What is left of the norm after "
        f"{far} steps: median over {config.seeds} seeds x {config.measure.batch} sequences, and 10 % to 90 %; 0: none "
        "at all. How weights are drawn, the width and the inputs tell in these numbers as much as the cell."
    )
    table = {
        "cell": [cells[n].label for n in order],
        "timescale_steps": [fits[n].timescale for n in order],
        "timescale_error_steps": [fits[n].timescale_error for n in order],
        "rate_nats_per_step": [fits[n].rate for n in order],
        "fit_last_distance_steps": [fits[n].last_distance for n in order],
        **{f"log_left_{name}_nats": list(left[order, i] * LN10) for i, name in enumerate(("q10", "median", "q90"))},
    }
    return Drawing("zoo", "Every cell at initialisation", figure, table, caption)


def _time_scale(ax: Axes, y: float, fit) -> None:
    """Marks one cell's time scale, an arrow where the slope is nil within its error."""
    if not math.isfinite(fit.rate):
        return
    if abs(fit.rate) <= 2 * fit.rate_error or fit.rate == 0:
        # At least so long: the slowest decay that the error allows.
        bound = 1 / (abs(fit.rate) + 2 * fit.rate_error) if fit.rate_error > 0 else math.inf
        if math.isfinite(bound):
            ax.plot(bound, y, marker=">", color=FLAT, markersize=6)
        return
    tone = FADES if fit.rate < 0 else GROWS
    slow, fast = abs(fit.rate) - fit.rate_error, abs(fit.rate) + fit.rate_error
    ax.plot([1 / fast, 1 / slow], [y, y], color=tone, linewidth=1.2)
    ax.plot(abs(fit.timescale), y, "o", color=tone, markersize=5)
