"""From which distance the gradient of the weights comes, by weight and by gate."""

import numpy as np

from experiments.common.bands import band
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import StudyResults, snapshot_title

KINDS = {"log_norm_weight": ("weight", "∂L/∂{}"), "log_norm_gate": ("gate", "gate {}")}


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws what the step at each distance adds to the gradient of a weight, and the gradient by gate."""
    config, cells = results.config, results.cells
    gated = any(cell.group("log_norm_gate") for cell in cells)
    kinds = list(KINDS)[: 1 + gated]
    end = len(cells[0].ends) - 1
    figure, axes = new_figure(len(cells), len(kinds), width=5.4 * len(kinds), height=3.0, sharey="row")
    quantiles = [f"log_norm_{quantile}_nats" for quantile in ("q10", "median", "q90")]
    rows = Rows("cell", "training_step", "kind", "part", "distance_steps", *quantiles)
    for row, cell in enumerate(cells):
        step = cell.snapshots[cell.ends[end]]
        lowest, highest = [], []
        for ax, kind in zip(axes[row], kinds, strict=True):
            word, text = KINDS[kind]
            for n, name in enumerate(cell.group(kind)):
                b = band(cell.by_distance(f"{kind}/{name}", end))
                median = b.median / LN10
                ax.plot(np.arange(len(median)), median, color=color(n), linestyle=dash(n), label=text.format(name))
                rows.add(cell.label, step, word, name, np.arange(len(b.median)), b.low, b.median, b.high)
                finite = b.median[np.isfinite(b.median)]
                lowest += [finite.min(initial=0.0)]
                highest += [finite.max(initial=lowest[-1])]
            if not cell.group(kind):
                ax.set_axis_off()
                continue
            title = snapshot_title(step)
            ax.set_title(f"{cell.label}\nby {word}, {title[0].lower() + title[1:]}", fontsize=10)
            ax.set_xlabel("distance k from the loss (steps)")
            ax.set_xlim(0, config.measure.length - 1)
            ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
            powers_of_ten(ax.yaxis)
            panel_letter(ax, row * len(kinds) + kinds.index(kind))
        axes[row, 0].set_ylim(min(lowest) / LN10 - 0.5, max(highest) / LN10 + 0.5)
        axes[row, 0].set_ylabel("norm of the step's part")
    caption = (
        "What the step at distance k adds to the gradient of each weight: the gradient by weights of its own. The sum "
        "over all steps is the gradient that training sees; the parts add up, their norms do not. With "
        "inputs of norm one, as text has, the parts of a bias and of its input weight are of one size"
    )
    if gated:
        caption += (
            "; beside it the gradient by the pre-activation of each gate at that step: a gate that is "
            "saturated, or whose effect is shut off by another, gets little"
        )
    caption += (
        f". {results.source}. H = {config.hidden_size}; median over {config.seeds} seeds x {config.measure.batch} "
        "sequences, each with a loss at its last step; the CSV has the 10 % and 90 % quantiles."
    )
    return Drawing("weights", "Which steps the gradient of the weights comes from", figure, rows.columns, caption)
