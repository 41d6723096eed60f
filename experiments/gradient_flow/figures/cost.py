"""What each cell costs at the same width."""

import math
import textwrap

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.common.plotting import Drawing, color, new_figure, styled
from experiments.gradient_flow.results import StudyResults

QUANTITIES = {
    "parameters": ("parameters of the cell", 1.0, "{:,.0f}"),
    "forward_ms": ("forward (ms)", 1.0, "{:.2f}"),
    "gradient_ms": ("gradient (ms)", 1.0, "{:.2f}"),
    "gradient_bytes": ("gradient's memory (MB)", 1e-6, "{:.2g}"),
}

LETTERS = 40
"""Of a cell's name that stand in one line."""

COLUMNS = {
    "parameters": "parameters",
    "forward_ms": "forward_ms",
    "forward_ms/low": "forward_low_ms",
    "forward_ms/high": "forward_high_ms",
    "gradient_ms": "gradient_ms",
    "gradient_ms/low": "gradient_low_ms",
    "gradient_ms/high": "gradient_high_ms",
    "gradient_bytes": "gradient_bytes",
    "rounds": "rounds",
    "load": "load_processes",
}
"""What the CSV calls the arrays of the costs."""


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws parameters, times and memory of every cell."""
    config, programs = results.config, results.programs
    names = {textwrap.fill(name, LETTERS): n for name, n in programs.items()}
    letters = 0.075 * max(len(line) for name in names for line in name.split("\n"))  # inches
    lines = sum(max(2, 1 + name.count("\n")) for name in names)
    width, height = 2.8 * len(QUANTITIES) + letters, 1.0 + 0.21 * lines
    figure, axes = new_figure(1, len(QUANTITIES), width=width, height=height, sharey=True)
    place, measured = np.arange(len(names))[::-1], list(names.values())
    for ax, (name, (text, unit, form)) in zip(axes[0], QUANTITIES.items(), strict=True):
        values = results.costs[name][measured] * unit
        ax.barh(place, values, color=color(1), height=0.62)
        ends = values
        if f"{name}/low" in results.costs:
            low, ends = (results.costs[f"{name}/{end}"][measured] * unit for end in ("low", "high"))
            ax.errorbar(values, place, xerr=[values - low, ends - values], fmt="none", ecolor="black", capsize=3)
        for end, at, value in zip(ends, place, values, strict=True):
            ax.annotate(form.format(value), (end, at), (5, 0), textcoords="offset points", va="center", fontsize=9)
        ax.set_title(text)
        ax.set_xlim(0, 1.35 * max(ends.max(), 1e-9))
        ax.set_yticks(place, [*names])
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    rounds, load = int(results.costs["rounds"][0]), float(results.costs["load"][0])
    busy = (
        f", where in the minute before {load:.1f} processes wanted to run on average, this study among them"
        if math.isfinite(load)
        else ""
    )
    caption = (
        f"Cost of the bare cell, {results.widths}, D = {results.input_size} inputs: number of parameters; "
        "median time of a forward pass and of a gradient with respect to the parameters, with its 95 % interval by "
        f"order statistics (float32, B = {config.train.batch}, T = {config.train.length}; {rounds} rounds, in each of "
        f"which every cell ran once, on the machine of this study{busy}); memory that the compiled gradient needs "
        "besides its arguments and results. Where intervals overlap, nothing is said of which is faster."
    )
    if len(programs) < len(results.cells):
        caption += " Cells that differ in nothing but their start run one program, which was measured once."
    table = {"cell": [cell.label for cell in results.cells]}
    table |= {column: list(results.costs[name]) for name, column in COLUMNS.items()}
    return Drawing("cost", "What each cell costs", figure, table, caption)
