"""One look for every figure, and one way to write it: PNG, SVG and the CSV it was drawn from."""

import dataclasses
import functools
import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from experiments.common.bands import Band

Params = ParamSpec("Params")
Result = TypeVar("Result")

COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")
"""Okabe & Ito's palette, told apart with every common kind of colour vision."""
DASHES: tuple = ("-", (0, (6, 1.5)), (0, (4, 1.2, 1.2, 1.2)), (0, (1.5, 1)))
"""Line styles, so that curves differ in print as well."""

LN10 = math.log(10)
"""What natural logs are divided by for an axis of `powers_of_ten`."""

STYLE: Any = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "recurrax",
}


def styled(draw: Callable[Params, Result]) -> Callable[Params, Result]:
    """Decorates a function that draws, so that all of it is in the one look."""

    @functools.wraps(draw)
    def drawn(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure, the numbers that it shows, and how to read it."""

    name: str
    """File name without extension."""
    title: str
    figure: Figure
    table: Mapping[str, Sequence]
    """Columns of the CSV, all of one length."""
    caption: str

    @functools.cached_property
    def png(self) -> bytes:
        """The figure as a PNG file."""
        return _render(self.figure, "png")

    @functools.cached_property
    def svg(self) -> bytes:
        """The figure as an SVG file."""
        return _render(self.figure, "svg")


class Rows:
    """The rows of a figure's CSV, gathered while its curves are drawn.

    >>> rows = Rows("cell", "distance_steps", "log_norm_median_nats")
    >>> rows.add("LSTM", range(3), [0.0, -0.5, -1.0])
    >>> rows.columns
    {'cell': ['LSTM', 'LSTM', 'LSTM'], 'distance_steps': [0, 1, 2], 'log_norm_median_nats': [0.0, -0.5, -1.0]}

    Attributes:
      columns: values by the name of their column.
    """

    def __init__(self, *names: str):
        self.columns: dict[str, list] = {name: [] for name in names}

    def add(self, *values: Any) -> None:
        """Adds a row for every item of the sequences among `values`; text and numbers stand in each of these rows.

        Raises:
          ValueError: there is not one value for every column, or the sequences differ in length.
        """
        if len(values) != len(self.columns):
            raise ValueError(f"a value for each of {', '.join(self.columns)} expected, got {len(values)}.")
        lengths = {len(value) for value in values if not _is_single(value)} or {1}
        if len(lengths) > 1:
            raise ValueError(f"sequences of one length expected, got {sorted(lengths)}.")
        (length,) = lengths
        for column, value in zip(self.columns.values(), values, strict=True):
            column.extend([value] * length if _is_single(value) else value)


def new_figure(
    rows: int, columns: int, *, width: float = 9.0, height: float = 3.6, **subplots
) -> tuple[Figure, np.ndarray]:
    """Returns a figure and its axes `[rows, columns]`, `height` inches a row; needs no display and no global state."""
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **subplots)


def color(index: int) -> str:
    """Returns the colour of the curve of that number."""
    return COLORS[index % len(COLORS)]


def dash(index: int):
    """Returns the line style of the curve of that number."""
    return DASHES[index % len(DASHES)]


def powers_of_ten(axis) -> None:
    """Labels an axis that holds decimal logarithms with the powers themselves: floats may not reach that far.

    Where fewer than two whole powers lie within what the axis shows, it is labelled with plain numbers between them.
    """
    axis.set_major_locator(_Powers())
    axis.set_major_formatter(FuncFormatter(lambda exponent, _: _power(exponent)))


class _Powers(Locator):
    """Ticks at whole powers; at 1, 2 and 5 times these where too few of them show, and at more where still too few."""

    def __init__(self):
        self._whole = MaxNLocator(nbins=7, integer=True)

    def __call__(self):
        return self.tick_values(*self.axis.get_view_interval())  # pyright: ignore[reportOptionalMemberAccess]

    def tick_values(self, vmin, vmax):
        low, high = min(vmin, vmax), max(vmin, vmax)
        if math.floor(high) - math.ceil(low) >= 1 or low < -300 or high > 300:
            return self._whole.tick_values(vmin, vmax)
        powers = range(math.floor(low), math.ceil(high) + 1)
        ticks = np.array([n + math.log10(m) for n in powers for m in (1, 2, 5)])
        if np.count_nonzero((low <= ticks) & (ticks <= high)) >= 3:
            return ticks
        values = np.asarray(MaxNLocator(nbins=5).tick_values(10**low, 10**high))
        return np.log10(values[values > 0])


def _power(exponent: float) -> str:
    """Writes 10 to that exponent, as a power where it is whole."""
    if abs(exponent - round(exponent)) < 1e-6:
        return f"$10^{{{round(exponent)}}}$"
    value = 10**exponent
    if 1e-3 <= value < 1e4:
        return f"{value:.4g}"
    whole = math.floor(exponent)
    return f"${10 ** (exponent - whole):.3g} \\times 10^{{{whole}}}$"


def draw_band(axes: Axes, b: Band, *, color: str, alpha: float = 0.16, **line: Any) -> None:
    """Draws log norms against the distance, median and shade, on axes that hold decimal logarithms."""
    distance = np.arange(len(b.median))
    axes.fill_between(distance, b.low / LN10, b.high / LN10, color=color, alpha=alpha, linewidth=0)
    axes.plot(distance, b.median / LN10, color=color, **line)


def panel_letter(axes: Axes, index: int) -> None:
    """Marks a panel with a, b, c, ... at its upper left."""
    axes.text(-0.02, 1.03, chr(ord("a") + index), transform=axes.transAxes, weight="bold", ha="right", va="bottom")


def legend_below(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    """Puts one legend under all panels, in as many rows as it takes not to reach over the edges; long names wrap."""
    key, letter, width = 0.62, 0.066, figure.get_figwidth()  # inches; of a key with its gaps
    room = max(8, int((width - key) / (1.2 * letter)))  # a name may have more wide letters than most
    labels = [textwrap.fill(label, room) for label in labels]
    inches = [key + letter * max(map(len, label.split("\n"))) for label in labels]
    columns = len(labels) if sum(inches) <= width else max(1, int(width / max(inches)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def legend_below_panel(axes: Axes) -> None:
    """Puts the legend of a panel under its axis labels, an entry under the other; names wider than the panel wrap."""
    letter, margin = 0.066, 1.0  # inches; what is left of the panel for a key and for the labels of its axis
    figure, place = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None  # axes are made by one
    room = figure.get_figwidth() / (place.get_gridspec().ncols if place else 1) - margin
    handles, labels = axes.get_legend_handles_labels()
    labels = [textwrap.fill(label, max(8, int(room / letter))) for label in labels]
    below = axes.transAxes + ScaledTranslation(0, -0.52, figure.dpi_scale_trans)
    axes.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, borderaxespad=0, frameon=False
    )


def _is_single(value: Any) -> bool:
    return isinstance(value, str) or value is None or np.ndim(value) == 0


def _render(figure: Figure, kind: str) -> bytes:
    """Returns the figure as the bytes of a file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format=kind, metadata=metadata)
    # The layout is settled now; to solve it again for every format takes longer than drawing.
    figure.set_layout_engine(None)
    return buffer.getvalue()
