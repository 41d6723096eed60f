"""How far the gradient reaches while the cells learn: what is left of it at the greatest distance, step by step."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    legend_below_panel,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the norm at the greatest distance, relative to that at the loss, against the training step."""
    if len(results.cells[0].snapshots) < 2:
        return None
    panels = results.panels
    figure, axes = new_figure(1, len(panels), width=max(4.3 * len(panels), 6.0), height=4.4, sharex=True, sharey=True)
    names = ("lowest", "median", "highest")
    rows = Rows("cell", "training_step", "distance_steps", *(f"log_ratio_{name}_nats" for name in names))
    for column, (family, cells) in enumerate(panels.items()):
        ax = axes[0, column]
        for n, cell in enumerate(cells):
            b = over_seeds(np.stack([cell.reach(p) for p in range(len(cell.snapshots))]))
            line = {"color": color(n), "linestyle": dash(n), "marker": "o", "markersize": 3.5}
            ax.fill_between(cell.snapshots, b.low / LN10, b.high / LN10, color=color(n), alpha=0.16, linewidth=0)
            ax.plot(cell.snapshots, b.median / LN10, label=cell.start if family else cell.label, **line)
            rows.add(cell.label, cell.snapshots, cell.longest, b.low, b.median, b.high)
        ax.set_title(family)
        ax.set_xlabel("training step")
        legend_below_panel(ax)
        panel_letter(ax, column)
    steps = results.cells[0].snapshots
    axes[0, 0].set_xscale("symlog", linthresh=steps[1], linscale=0.3)
    for ax in axes[0]:
        ax.set_xticks(steps, [f"{step:,}" for step in steps], rotation=60)
        ax.minorticks_off()
    axes[0, 0].set_xlim(0, steps[-1])
    powers_of_ten(axes[0, 0].yaxis)
    axes[0, 0].set_ylabel(f"norm at k = {results.longest}, relative to k = 0")
    caption = (
        f"What is left of the gradient norm {results.longest} steps back while the cells learn; points: where it was "
        f"measured. {results.source}. {results.sizes}. {results.sample}. The axis of training steps is logarithmic "
        f"from step {steps[1]} on. A norm of zero is not drawn."
    )
    return Drawing("reach", "Reach of the gradient over training", figure, rows.columns, caption)
