"""Panels for every cell before and after training: those of one training step side by side, three to a row."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plotting import new_figure, panel_letter
from experiments.gradient_flow.results import CellResults, snapshot_name

COLUMNS = 3
LETTERS = 32
"""Of a cell's name that stand over a panel in one line."""


class Panel(NamedTuple):
    """Where one cell is drawn at one end of its training."""

    axes: Axes
    cell: CellResults
    end: int
    """Number among the ends."""
    step: int
    """Training steps done."""


def grid(
    cells: Sequence[CellResults], ylabel: str, *, ends: slice = slice(None), height: float = 2.7, **subplots
) -> tuple[Figure, list[Panel]]:
    """Returns a figure with a panel for every cell and end, titled and lettered; panels left over are blank.

    Args:
      cells: the cells, all with the same snapshots.
      ylabel: at the left of every row.
      ends: which of the first and the last snapshot.
      height: of a panel, inches.
      **subplots: as `new_figure` takes them.
    """
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    numbers = range(len(cells[0].ends))[ends]
    width = 3.7 * columns if columns > 1 else 5.2
    figure, axes = new_figure(rows * len(numbers), columns, width=width, height=height, **subplots)
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    panels = list(_panels(axes.reshape(len(numbers), rows * columns), cells, numbers))
    for number, panel in enumerate(panels):
        label = textwrap.fill(panel.cell.label, LETTERS)
        panel.axes.set_title(f"{label}\n{snapshot_name(panel.step)}", fontsize=10)
        panel.axes.tick_params(labelbottom=True)  # the panel below may be a blank one
        panel_letter(panel.axes, number)
    return figure, panels


def _panels(axes: np.ndarray, cells: Sequence[CellResults], numbers: Sequence[int]) -> Iterator[Panel]:
    for end, of_end in zip(numbers, axes, strict=True):
        for cell, ax in zip(cells, of_end, strict=False):
            yield Panel(ax, cell, end, cell.snapshots[cell.ends[end]])
        for ax in of_end[len(cells) :]:
            ax.set_axis_off()
