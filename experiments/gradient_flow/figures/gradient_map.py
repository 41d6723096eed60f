"""The gradient norm over training step and distance, as a map."""

import numpy as np

from experiments.common.bands import band, relative
from experiments.common.plotting import LN10, Drawing, Rows, new_figure, panel_letter, powers_of_ten, styled
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing:
    """Draws the median norm, relative to that at the loss, over training step and distance."""
    config, cells = results.config, results.cells
    figure, axes = new_figure(1, len(cells), width=4.0 * len(cells), height=3.7, sharey=True)
    maps = []
    for cell in cells:
        medians = np.stack([band(cell.by_distance("log_norm/joint", p)).median for p in range(len(cell.snapshots))])
        maps.append(relative(medians) / LN10)
    # 0 is what k = 0 has against itself; it stands in where every norm is zero.
    finite = np.concatenate([np.zeros(1)] + [m[np.isfinite(m)] for m in maps])
    low, high = max(finite.min(), -12.0), min(finite.max(), 12.0)
    rows = Rows("cell", "training_step", "distance_steps", "log_relative_norm_nats")
    mesh = None
    for n, (cell, values) in enumerate(zip(cells, maps, strict=True)):
        ax = axes[0, n]
        snapshots, distances = (np.arange(size) for size in values.shape)
        edges = (np.arange(size + 1) - 0.5 for size in values.shape[::-1])
        mesh = ax.pcolormesh(*edges, values, cmap="viridis", vmin=low, vmax=high, rasterized=True)
        levels = [level for level in (-10, -8, -6, -4, -2, -1) if low < level < high]
        if len(values) > 1 and levels:
            style = {"colors": "white", "linewidths": 0.9, "linestyles": "solid"}
            lines = ax.contour(distances, snapshots, values, levels, **style)
            ax.clabel(lines, fmt=lambda v: f"$10^{{{v:.0f}}}$", fontsize=8)
        ax.set_yticks(snapshots, [str(step) for step in cell.snapshots])
        ax.set_title(cell.label)
        ax.set_xlabel("distance k (steps)")
        ax.grid(False)
        panel_letter(ax, n)
        for step, of_step in zip(cell.snapshots, values, strict=True):
            rows.add(cell.label, step, distances, of_step * LN10)
    axes[0, 0].set_ylabel("training step (not to scale)")
    assert mesh is not None  # there is at least one cell
    beyond = "both" if high < finite.max() else "min" if low > finite.min() else "neither"
    bar = figure.colorbar(mesh, ax=axes, extend=beyond)
    powers_of_ten(bar.ax.yaxis)
    bar.set_label("norm relative to k = 0")
    caption = (
        "The same gradient norm, divided by its value at the loss, as training goes on: median over "
        f"{config.seeds} seeds x {config.measure.batch} sequences. {results.source}. H = {config.hidden_size}. White: "
        "lines of equal norm."
    )
    return Drawing("gradient_map", "Gradient norm over training step and distance", figure, rows.columns, caption)
