"""How far the gradient reaches while the cells learn: what is left of it at the greatest distance, step by step."""

import math

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
from experiments.common.prose import power
from experiments.gradient_flow.results import CellResults, StudyResults


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
        ax.set_xticks(steps, [f"{step:,}" if step in _apart(steps) else "" for step in steps])
        ax.minorticks_off()
    axes[0, 0].set_xlim(0, steps[-1])
    powers_of_ten(axes[0, 0].yaxis)
    axes[0, 0].set_ylabel(f"norm at k = {results.longest}, relative to k = 0")
    caption = (
        f"What is left of the gradient norm {results.longest} steps back while the cells learn; points: where it was "
        f"measured. {results.source}. {results.sizes}. {results.sample}. The axis of training steps is logarithmic "
        f"from step {steps[1]} on. A norm of zero is not drawn.{_dip(results)}"
    )
    return Drawing("reach", "Reach of the gradient over training", figure, rows.columns, caption)


def _apart(steps: list[int]) -> list[int]:
    """Returns the steps whose names have room beside each other on the logarithmic axis, both ends among them."""
    width, kept = math.log(steps[-1] / steps[1]), [steps[0], steps[1]]
    for step in steps[2:-1]:
        if min(math.log(step / kept[-1]), math.log(steps[-1] / step)) > width / MOST:
            kept.append(step)
    return [*kept, steps[-1]]


def _dip(results: StudyResults) -> str:
    """Says where the curves of all seeds measured lie deepest in between, below those at both ends."""
    inside = range(1, len(results.cells[0].snapshots) - 1)
    dips = [(cell, p) for cell in results.cells for p in inside if _is_dip(cell, p)]
    if not dips:
        return ""
    cell, p = min(dips, key=lambda dip: float(np.median(dip[0].reach(dip[1]))))
    at, start, end = (power(float(np.median(cell.reach(snapshot)))) for snapshot in (p, 0, len(cell.snapshots) - 1))
    seeds = results.config.seeds
    who = f"each of the {seeds} seeds" if seeds > 1 else "the one seed"
    return (
        f" What the first and the last step hide: {cell.label} falls to {at} at step {cell.snapshots[p]:,}, where "
        f"{who} lies below all at initialisation ({start}) and at the end ({end})."
    )


def _is_dip(cell: CellResults, p: int) -> bool:
    """Tells whether every seed is lower at that snapshot than every one at the first and at the last."""
    ends = np.concatenate([cell.reach(0), cell.reach(len(cell.snapshots) - 1)])
    return bool(np.isfinite(cell.reach(p)).all() and cell.reach(p).max() < ends.min())


MOST = 12
"""Names of training steps that have room."""
