"""How open the gates are: distributions of their activations."""

import numpy as np

from experiments.common.plotting import Drawing, Rows, styled
from experiments.gradient_flow.figures._gates import grid_of_gates
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws cumulative distributions of the gates' activations; None where no cell has gates."""
    if (made := grid_of_gates(results, "activation", "share below", sharey=True)) is None:
        return None
    figure, panels = made
    rows = Rows("cell", "training_step", "gate", "activation", "density", "share_below")
    for panel in panels:
        low, high = panel.limits
        panel.axes.set_xlim(low, high)
        for cell, end, step, style in panel.curves():
            shares = cell.arrays[f"gate/histogram/{panel.gate}"][end].mean(0)
            edges, density = np.linspace(low, high, len(shares) + 1), shares * len(shares) / (high - low)
            below = np.concatenate([[0.0], np.cumsum(shares)])
            panel.axes.plot(edges, below, **style)
            middles = (edges[1:] + edges[:-1]) / 2
            rows.add(cell.label, step, panel.gate, middles, density, (below[1:] + below[:-1]) / 2)
    panels[0].axes.set_ylim(0, 1)
    caption = (
        "How open the gates are: the share of activations below a value, over all units, steps, sequences and seeds. "
        "A curve rises where activations lie: a steep rise at 0 is a gate that is shut most of the time, at 1 one that "
        "is open. i, r: input and reset gate, f: forget gate, z: update gate (h = (1 - z) h + z n), o: output gate, "
        f"g, n: candidate. {results.source}. {results.sizes}, {results.config.seeds} seeds x "
        f"{results.config.measure.batch} sequences. The CSV has the histograms."
    )
    return Drawing("gates", "Gate activations", figure, rows.columns, caption)
