"""Histograms of the gates' activations."""

from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, new_figure, styled
from experiments.gradient_flow.results import StudyResults, snapshot_title


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws histograms of the gates' activations; None where no cell has gates."""
    config, cells = results.config, [cell for cell in results.cells if cell.group("gate/histogram")]
    if not cells:
        return None
    columns = max(len(cell.group("gate/histogram")) for cell in cells)
    figure, axes = new_figure(len(cells), columns, width=2.6 * columns, height=2.5)
    rows = Rows("cell", "training_step", "gate", "activation", "density")
    for row, cell in enumerate(cells):
        names = cell.group("gate/histogram")
        for ax, name in zip(axes[row], names, strict=False):
            low, high = cell.arrays[f"gate/range/{name}"]
            for n, p in enumerate(cell.ends):
                shares = cell.arrays[f"gate/histogram/{name}"][n].mean(0)
                edges, density = np.linspace(low, high, len(shares) + 1), shares * len(shares) / (high - low)
                style: dict[str, Any] = {"color": color(1), "linewidth": 1.6}
                if n == 0:
                    style = {"color": "#999999", "fill": True, "alpha": 0.5}
                ax.stairs(density, edges, **style, label=snapshot_title(cell.snapshots[p]))
                rows.add(cell.label, cell.snapshots[p], name, (edges[1:] + edges[:-1]) / 2, density)
            ax.set_title(f"{cell.label}\ngate {name}", fontsize=10)
            ax.set_xlim(low, high)
            ax.set_ylim(bottom=0)
            ax.set_xlabel("activation")
        for ax in axes[row, len(names) :]:
            ax.set_axis_off()
        axes[row, 0].set_ylabel("density")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    caption = (
        "How open the gates are: densities over all units, steps, sequences and seeds. i, r: input and reset gate, f: "
        "forget gate, z: update gate (h = (1 - z) h + z n), o: output gate, g, n: candidate. "
        f"{results.source}. H = {config.hidden_size}, {config.seeds} seeds x {config.measure.batch} sequences x "
        f"{config.measure.length} steps."
    )
    return Drawing("gates", "Gate activations", figure, rows.columns, caption)
