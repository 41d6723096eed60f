"""What the gates do step by step, while a sequence is read."""

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, new_figure, styled
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title

SHADES = ("#777777", color(1))
"""Before and after training, as in the histograms."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws mean and spread of every gate against time; None where no cell has gates."""
    config, cells = results.config, [cell for cell in results.cells if cell.group("gate_over_time/mean")]
    if not cells:
        return None
    columns = max(len(cell.group("gate_over_time/mean")) for cell in cells)
    figure, axes = new_figure(len(cells), columns, width=2.8 * columns, height=2.4, sharex=True)
    rows = Rows("cell", "training_step", "gate", "time_step", "activation_q10", "activation_mean", "activation_q90")
    for of_cell, cell in zip(axes, cells, strict=True):
        gates = cell.group("gate_over_time/mean")
        for ax, gate in zip(of_cell, gates, strict=False):
            for end, step in enumerate(cell.snapshots[p] for p in cell.ends):
                low, mean, high = (_over_time(cell, end, statistic, gate) for statistic in ("q10", "mean", "q90"))
                time = np.arange(len(mean))
                ax.fill_between(time, low, high, color=SHADES[end], alpha=0.2, linewidth=0)
                ax.plot(time, mean, color=SHADES[end], linewidth=1.4, label=snapshot_title(step))
                rows.add(cell.label, step, gate, time, low, mean, high)
            low, high = cell.arrays[f"gate/range/{gate}"]
            margin = 0.03 * (high - low)
            ax.set_ylim(low - margin, high + margin)
            ax.set_xlim(0, len(time) - 1)
            ax.set_title(f"{cell.label}\ngate {gate}", fontsize=10)
        for ax in of_cell[len(gates) :]:
            ax.set_axis_off()
        of_cell[0].set_ylabel("activation")
    for column in axes.T:
        [ax for ax in column if ax.axison][-1].set_xlabel("time t (steps)")
        [ax for ax in column if ax.axison][-1].tick_params(labelbottom=True)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    caption = (
        "The gates while a sequence is read from its first step on, with a zero state before. Line: mean over units, "
        "sequences and seeds; band: where 80 % of units and sequences lie (10 % to 90 %, of every seed, averaged). A "
        "gate that follows the input moves with it in every sequence, which a mean over sequences does not show; what "
        f"is left is how the state settles. {results.source}. H = {config.hidden_size}, {config.seeds} seeds x "
        f"{config.measure.batch} sequences."
    )
    return Drawing("gates_over_time", "Gates step by step", figure, rows.columns, caption)


def _over_time(cell: CellResults, end: int, statistic: str, gate: str) -> np.ndarray:
    return cell.arrays[f"gate_over_time/{statistic}/{gate}"][end].mean(0)
