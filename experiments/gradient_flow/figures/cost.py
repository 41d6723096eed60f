"""What each cell costs at the same width."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments.common.plotting import Drawing, color, new_figure, styled
from experiments.gradient_flow.results import StudyResults

QUANTITIES = {
    "parameters": ("parameters of the cell", 1.0, "{:,.0f}"),
    "forward_ms": ("forward (ms)", 1.0, "{:.2f}"),
    "gradient_ms": ("gradient (ms)", 1.0, "{:.2f}"),
    "gradient_bytes": ("memory of the gradient (MB)", 1e-6, "{:.2g}"),
}


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws parameters, times and memory of every cell."""
    config, cells = results.config, results.cells
    width, height = 3.0 * len(QUANTITIES), 1.0 + 0.42 * len(cells)
    figure, axes = new_figure(1, len(QUANTITIES), width=width, height=height, sharey=True)
    place = np.arange(len(cells))[::-1]
    for ax, (name, (text, unit, form)) in zip(axes[0], QUANTITIES.items(), strict=True):
        values = results.costs[name] * unit
        bars = ax.barh(place, values, color=[color(n) for n in range(len(cells))], height=0.62)
        ax.bar_label(bars, [form.format(v) for v in values], padding=3, fontsize=9)
        ax.set_title(text)
        ax.set_xlim(0, 1.32 * max(values.max(), 1e-9))
        ax.set_yticks(place, [cell.label for cell in cells])
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    caption = (
        f"Cost of the bare cell at H = {config.hidden_size} and D = {results.input_size} inputs: number of parameters; "
        "median time of a forward pass and of a gradient with respect to the parameters (float32, "
        f"B = {config.train.batch}, T = {config.train.length}, the cells timed in turn on this machine); memory that "
        "the compiled gradient needs besides its arguments and results."
    )
    table = {"cell": [cell.label for cell in cells], **{name: list(results.costs[name]) for name in QUANTITIES}}
    return Drawing("cost", "What each cell costs", figure, table, caption)
