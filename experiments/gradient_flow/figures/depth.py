"""The gradient norm over depth and time, of cells that have layers."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments.common.bands import over_seeds, together
from experiments.common.plotting import LN10, Drawing, Rows, powers_of_ten, styled
from experiments.common.prose import plural
from experiments.gradient_flow.figures._grid import grid
from experiments.gradient_flow.results import CellResults, StudyResults

DECADES = 16
"""What the colours span at most, below the largest norm."""


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws maps of the norm of the gradient by the state of each layer; None where no cell has layers."""
    cells = [cell for cell in results.cells if cell.arrays["layers"] > 1]
    if not cells:
        return None
    figure, panels = grid(cells, "layer (0 reads the input)", sharex=True)
    maps = [layer_norms(panel.cell, panel.cell.ends[panel.end]) for panel in panels]
    finite = np.concatenate([np.zeros(1), *(m[np.isfinite(m)] for m in maps)])
    high = max((m[np.isfinite(m)].max(initial=-np.inf) for m in maps), default=0.0) / LN10
    high = high if np.isfinite(high) else 0.0
    low = max(finite.min() / LN10, high - DECADES)
    rows = Rows("cell", "training_step", "layer", "distance_steps", "log_norm_nats")
    mesh = None
    for panel, norms in zip(panels, maps, strict=True):
        ax, (layers, distances) = panel.axes, norms.shape
        edges = np.arange(distances + 1) - 0.5, np.arange(layers + 1) - 0.5
        mesh = ax.pcolormesh(*edges, norms / LN10, cmap="viridis", vmin=low, vmax=high, rasterized=True)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(False)
        ax.set_xlabel("distance k (steps)")
        for layer, of_layer in enumerate(norms):
            rows.add(panel.cell.label, panel.step, layer, np.arange(distances), of_layer)
    assert mesh is not None  # there is at least one cell
    bar = figure.colorbar(
        mesh, ax=[panel.axes for panel in panels], extend="min" if low > finite.min() / LN10 else "neither"
    )
    powers_of_ten(bar.ax.yaxis)
    bar.set_label("norm of ∂L/∂(state of the layer)")
    caption = (
        "The gradient of the last loss by the state of each layer, k steps back: it enters at the top, and goes down "
        f"through the layers and back through time at once. {results.source}. {results.sizes}. Colour: the median of "
        f"{plural(results.config.seeds, 'seed')}, each the median over its sequences."
    )
    return Drawing("depth", "Gradient norm over depth and time", figure, rows.columns, caption)


def layer_norms(cell: CellResults, snapshot: int) -> np.ndarray:
    """Returns the median log norm of the gradient by the state of each layer, `[layers, K + 1]`."""
    fields = [name for name in cell.fields if name.partition("/")[0].isdigit()]
    layers = range(int(cell.arrays["layers"]))
    own = [[name for name in fields if name.startswith(f"{layer}/")] for layer in layers]
    norms = [together([cell.by_distance(f"log_norm/field/{name}", snapshot) for name in names]) for names in own]
    return np.stack([over_seeds(norm).median for norm in norms])
