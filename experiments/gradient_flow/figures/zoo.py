"""The figure that sets cells side by side, any number of them: how far the gradient reaches at initialisation."""

import math
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, color, new_figure, panel_letter, powers_of_ten, styled
from experiments.gradient_flow.results import StudyResults
from experiments.gradient_flow.timescales import is_flat
from recurrax.gradflow.timescale import Timescale

FADES, GROWS, NEITHER = color(1), color(0), "#555555"


LETTERS = 40
"""Of a cell's name that stand in one line."""


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws what is left of every cell's gradient at initialisation, the longest reach on top, and its time scale."""
    cells = sorted(results.cells, key=lambda cell: -_number(np.median(cell.reach(0))))
    fits = [cell.timescale("log_norm/joint", 0) for cell in cells]
    place = np.arange(len(cells))[::-1]
    figure, axes = new_figure(1, 2, width=10.0, height=1.6 + 0.27 * len(cells), sharey=True)
    remains, scales = axes[0]
    names = ("lowest", "median", "highest")
    rows = Rows(
        "cell", "distance_steps", *(f"log_ratio_{name}_nats" for name in names), "timescale_steps",
        "timescale_error_steps", "fit_first_distance_steps", "fit_last_distance_steps",
    )  # fmt: skip
    for y, cell, fit in zip(place, cells, fits, strict=True):
        left = over_seeds(cell.reach(0)[None])
        low, middle, high = (float(curve[0]) for curve in (left.low, left.median, left.high))
        _remains(remains, y, low / LN10, middle / LN10, high / LN10)
        _time_scale(scales, y, fit)
        of_fit = (math.nan,) * 4 if fit is None else (
            fit.timescale, fit.timescale_error, fit.first_distance, fit.last_distance
        )  # fmt: skip
        rows.add(cell.label, cell.longest, low, middle, high, *of_fit)
    remains.set_yticks(place, [textwrap.fill(cell.label, LETTERS) for cell in cells])
    remains.set_ylim(-0.7, len(cells) - 0.3)
    remains.axvline(0, color="#555555", linewidth=0.8)
    powers_of_ten(remains.xaxis)
    remains.set_xlabel(f"norm of ∂L/∂s$_{{T-{results.longest}}}$ over that at the loss")
    scales.set_xscale("log")
    scales.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    scales.xaxis.set_major_formatter("{x:g}")
    scales.xaxis.set_minor_formatter(NullFormatter())
    low, high = scales.get_xlim()
    middle = math.sqrt(low * high)  # of scales that are nearly the same, ticks would stand one upon the other
    scales.set_xlim(min(low, middle / 2.5), max(high, 2.5 * middle))
    scales.set_xlabel("time scale |τ| (steps)")
    for index, ax in enumerate(axes[0]):
        ax.grid(axis="y", linewidth=0.4)
        panel_letter(ax, index)
    seeds = results.config.seeds
    of_seeds = f"median of {seeds} seeds, bars: from the lowest seed to the highest" if seeds > 1 else "one seed"
    caption = (
        f"Cells at initialisation, ordered by (a). {results.source}. {results.sizes}. (a) What is left of the norm of "
        f"the total gradient {results.longest} steps back: {of_seeds}, each the median over "
        f"{results.config.measure.batch} sequences; 0: none at all. (b) Steps in which the norm falls e-fold (blue) or "
        "grows e-fold (red), ± standard error, where it does so exponentially; ▸: no change within error, at least so "
        "long; empty: no exponential, so that (a) alone tells. How weights are drawn, the width and the inputs tell in "
        "these numbers as much as the cell."
    )
    return Drawing("zoo", "Every cell at initialisation", figure, rows.columns, caption)


def _number(log: float) -> float:
    """Returns the log as it is sorted: what is not finite comes last."""
    return float(log) if math.isfinite(log) else -math.inf


def _remains(ax: Axes, y: float, low: float, middle: float, high: float) -> None:
    """Marks what is left of one cell's gradient, in decades."""
    if not math.isfinite(middle):
        text = "0" if middle == -math.inf else "not finite"
        ax.annotate(text, (0.01, y), xycoords=("axes fraction", "data"), color=NEITHER, va="center")
        return
    tone = NEITHER if low <= 0 <= high else GROWS if middle > 0 else FADES
    ends = [end for end in (low, high) if math.isfinite(end)]
    ax.plot(ends, [y] * len(ends), color=tone, linewidth=1.2)
    ax.plot(middle, y, "o", color=tone, markersize=5)


def _time_scale(ax: Axes, y: float, fit: Timescale | None) -> None:
    """Marks one cell's time scale, an arrow where the slope is nil within its error."""
    if fit is None:
        return
    if is_flat(fit):
        # At least so long: the fastest decay that the error allows.
        bound = 1 / (abs(fit.rate) + 2 * fit.rate_error) if fit.rate_error > 0 else math.inf
        if math.isfinite(bound):
            ax.plot(bound, y, marker=">", color=NEITHER, markersize=6)
        return
    tone = FADES if fit.rate < 0 else GROWS
    slow, fast = abs(fit.rate) - fit.rate_error, abs(fit.rate) + fit.rate_error
    ax.plot([1 / fast, 1 / slow], [y, y], color=tone, linewidth=1.2)
    ax.plot(abs(fit.timescale), y, "o", color=tone, markersize=5)
