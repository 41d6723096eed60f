"""The gradient norm over training step and distance, as a map of every cell."""

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.plotting import LN10, Drawing, Rows, new_figure, panel_letter, powers_of_ten, styled
from experiments.common.prose import plural
from experiments.gradient_flow.results import CellResults, StudyResults

MOST = 12.0
"""Decades, up and down, that the colours tell apart."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the median norm, relative to that at the loss; a row of maps for every family. None without training."""
    if len(results.cells[0].snapshots) < 2:
        return None
    panels = results.panels
    columns = max(map(len, panels.values()))
    figure, axes = new_figure(len(panels), columns, width=3.6 * columns + 1.2, height=3.1)
    maps = {cell.label: _map(cell) for cell in results.cells}
    # 0 is what k = 0 has against itself; it stands in where every norm is zero.
    finite = np.concatenate([np.zeros(1)] + [m[np.isfinite(m)] for m in maps.values()])
    low, high = max(finite.min(), -MOST), max(min(finite.max(), MOST), 1e-3)
    rows = Rows("cell", "training_step", "distance_steps", "log_ratio_median_nats")
    mesh, letter = None, 0
    for row, (family, cells) in enumerate(panels.items()):
        for ax in axes[row, len(cells) :]:
            ax.set_axis_off()
        for ax, cell in zip(axes[row], cells, strict=False):
            values = maps[cell.label]
            snapshots, distances = (np.arange(size) for size in values.shape)
            edges = (np.arange(size + 1) - 0.5 for size in values.shape[::-1])
            mesh = ax.pcolormesh(*edges, values, cmap="viridis", vmin=low, vmax=high, rasterized=True)
            levels = [level for level in (-10, -7, -4, -1) if low < level < high]
            if levels and (values < max(levels)).any() and (values > min(levels)).any():
                style = {"colors": "white", "linewidths": 0.9, "linestyles": "solid"}
                lines = ax.contour(distances, snapshots, values, levels, **style)
                ax.clabel(lines, fmt=lambda v: f"$10^{{{v:.0f}}}$", fontsize=8)
            ax.set_yticks(snapshots, [f"{step:,}" for step in cell.snapshots])
            ax.set_title(f"{family}: {cell.start}" if family else cell.label)
            ax.set_xlabel("distance k (steps)")
            ax.grid(False)
            panel_letter(ax, letter)
            letter += 1
            for step, of_step in zip(cell.snapshots, values, strict=True):
                rows.add(cell.label, step, distances, of_step * LN10)
        axes[row, 0].set_ylabel("training step (not to scale)")
    assert mesh is not None  # there is at least one cell
    above, below = high < finite.max(), low > finite.min()
    bar = figure.colorbar(
        mesh, ax=axes, extend="both" if above and below else "max" if above else "min" if below else "neither"
    )
    powers_of_ten(bar.ax.yaxis)
    bar.set_label("norm relative to k = 0")
    caption = (
        "The same gradient norm, divided by its value at the loss, as training goes on: median of "
        f"{plural(results.config.seeds, 'seed')}, each the median over its {results.config.measure.batch} sequences. "
        f"{results.source}. {results.sizes}. White: lines of equal norm."
    )
    return Drawing("gradient_map", "Gradient norm over training step and distance", figure, rows.columns, caption)


def _map(cell: CellResults) -> np.ndarray:
    """Returns the decadic log of the median ratio, `[P, K + 1]`."""
    ratios = [over_seeds(cell.ratio("log_norm/joint", p)).median for p in range(len(cell.snapshots))]
    return np.stack(ratios) / LN10
