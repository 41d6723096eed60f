"""The gradient by its path: what stays in one field of the state, and what changes between fields."""

import numpy as np
from matplotlib.axes import Axes

from experiments.common.bands import band
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    draw_band,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title

CAROUSEL = "theory: forget gates alone"


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the split of the gradient by the field of the state that it stays in; None where all have one field."""
    cells = [cell for cell in results.cells if len(cell.fields) > 1]
    if not cells:
        return None
    config, ends = results.config, cells[0].ends
    figure, axes = new_figure(len(cells), len(ends), width=5.2 * len(ends), height=4.0, sharey=True)
    rows = Rows(
        "cell",
        "training_step",
        "path",
        "distance_steps",
        "log_norm_q10_nats",
        "log_norm_median_nats",
        "log_norm_q90_nats",
    )
    styles: dict[str, int] = {}
    lowest = 0.0
    for row, cell in enumerate(cells):
        for panel, p in enumerate(ends):
            ax = axes[row, panel]
            lowest = min(lowest, _panel(ax, cell, p, styles, rows))
            title = snapshot_title(cell.snapshots[p])
            ax.set_title(f"{cell.label}: {title[0].lower() + title[1:]}")
            ax.set_xlim(0, config.measure.length)
            panel_letter(ax, row * len(ends) + panel)
        axes[row, 0].set_ylabel("norm of the part of ∂L/∂s$_{T-k}$")
    axes[0, 0].set_ylim(bottom=max(-30.0, lowest / LN10 - 8))
    lines = {str(line.get_label()): line for ax in axes[:, 0] for line in ax.get_lines()}
    order = [*styles, *([CAROUSEL] if CAROUSEL in lines else [])]
    legend_below(figure, [lines[text] for text in order], order)
    dotted = "Thin dots: product of the forget gates at their initial bias. " if CAROUSEL in lines else ""
    caption = (
        "The gradient split by its path: the part that, from its first step on, stayed in one field of the state (c is "
        "the constant error carousel, h the way through the recurrent weights), and the part that changed between "
        "fields: the whole without the others. The parts, not their norms, add up to the whole; where they cancel, "
        "one may exceed it. "
        f"{dotted}{results.source}. H = {config.hidden_size}; median and 10 % to 90 % over {config.seeds} seeds x "
        f"{config.measure.batch} sequences. The lower edge is cut."
    )
    return Drawing("paths", "Paths of the gradient through the state", figure, rows.columns, caption)


def _panel(ax: Axes, cell: CellResults, p: int, styles: dict[str, int], rows: Rows) -> float:
    """Draws one cell at one snapshot; a path that has no style yet gets the next one.

    Returns the least log norm of the whole gradient.
    """
    curves = {"whole gradient": "log_norm/joint"}
    curves |= {f"stays in {field}": f"log_norm/path/{field}" for field in cell.fields}
    curves |= {"changes between them": "log_norm/path_rest"}
    for text, name in curves.items():
        style = styles.setdefault(text, len(styles))
        b, shade = band(cell.by_distance(name, p)), color((6, 1, 0, 2, 3, 4)[style % 6])
        draw_band(ax, b, color=shade, alpha=0.14, linestyle=dash(style), label=text)
        rows.add(cell.label, cell.snapshots[p], text, np.arange(len(b.median)), b.low, b.median, b.high)
    if p == 0 and "theory/log_carousel" in cell.arrays:
        c = band(cell.by_distance(f"log_norm/path/{cell.fields[-1]}", p)).median
        carousel = cell.arrays["theory/log_carousel"].mean(0)
        theory = (c[1] + carousel[1:] - carousel[1]) / LN10
        ax.plot(np.arange(1, len(c)), theory, color="black", linewidth=1.0, linestyle=":", label=CAROUSEL)
    ax.set_xlabel("distance k from the loss (steps)")
    powers_of_ten(ax.yaxis)
    whole = band(cell.by_distance("log_norm/joint", p)).median
    return float(whole[np.isfinite(whole)].min(initial=0.0))
