"""The gradient by its path: what stays in one field of the state, and what changes between fields."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, color, dash, draw_band, legend_below, powers_of_ten, styled
from experiments.gradient_flow.figures._grid import Panel, grid
from experiments.gradient_flow.results import StudyResults

CAROUSEL = "theory: forget gates alone"
DECADES = 30
"""As far down as the axis reaches at most."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the split of the gradient by the field of the state that it stays in; None where all have one field."""
    cells = [cell for cell in results.cells if len(cell.fields) > 1]
    if not cells:
        return None
    figure, panels = grid(cells, "norm of the part of ∂L/∂s$_{T-k}$", height=3.4, sharex=True, sharey=True)
    curves = [f"log_norm_{name}_nats" for name in ("lowest", "median", "highest")]
    rows = Rows("cell", "training_step", "path", "distance_steps", *curves)
    styles: dict[str, int] = {}
    lowest = min(_draw(panel, styles, rows) for panel in panels)
    panels[0].axes.set_xlim(0, max(cell.longest for cell in cells))
    panels[0].axes.set_ylim(bottom=max(-DECADES, lowest / LN10 - 8))
    powers_of_ten(panels[0].axes.yaxis)
    lines = {str(line.get_label()): line for panel in panels for line in panel.axes.get_lines()}
    order = [*styles, *([CAROUSEL] if CAROUSEL in lines else [])]
    legend_below(figure, [lines[text] for text in order], order)
    dotted = "Thin dots: product of the forget gates at their initial bias. " if CAROUSEL in lines else ""
    caption = (
        "The gradient split by its path: the part that, from its first step on, stayed in one field of the state (c is "
        "the constant error carousel, h the way through the recurrent weights), and the part that changed between "
        "fields: the whole without the others. Of the many paths over k steps one stays in c, and one that leaves it "
        "once counts as changing: that the mixed part is the larger does not make c unimportant. The parts, not their "
        f"norms, add up to the whole; where they cancel, one may exceed it. {dotted}{results.source}. {results.sizes}. "
        f"{results.sample}. The lower edge is cut."
    )
    return Drawing("paths", "Paths of the gradient through the state", figure, rows.columns, caption)


def _draw(panel: Panel, styles: dict[str, int], rows: Rows) -> float:
    """Draws one cell at one end of its training; a path that has no style yet gets the next one.

    Returns the least log norm of the whole gradient.
    """
    ax, cell = panel.axes, panel.cell
    p = cell.ends[panel.end]
    names = {"whole gradient": "log_norm/joint"}
    names |= {f"stays in {field}": f"log_norm/path/{field}" for field in cell.fields}
    names |= {"changes between them": "log_norm/path_rest"}
    for text, name in names.items():
        style = styles.setdefault(text, len(styles))
        b, shade = over_seeds(cell.by_distance(name, p)), color((6, 1, 0, 2, 3, 4)[style % 6])
        draw_band(ax, b, color=shade, alpha=0.14, linestyle=dash(style), label=text)
        rows.add(cell.label, panel.step, text, np.arange(len(b.median)), b.low, b.median, b.high)
    if p == 0 and "theory/log_carousel" in cell.arrays:
        c = over_seeds(cell.by_distance(f"log_norm/path/{cell.fields[-1]}", p)).median
        carousel = cell.arrays["theory/log_carousel"].mean(0)
        theory = (c[1] + carousel[1:] - carousel[1]) / LN10
        ax.plot(np.arange(1, len(c)), theory, color="black", linewidth=1.0, linestyle=":", label=CAROUSEL)
    ax.set_xlabel("distance k from the loss (steps)")
    whole = over_seeds(cell.by_distance("log_norm/joint", p)).median
    return float(whole[np.isfinite(whole)].min(initial=0.0))
