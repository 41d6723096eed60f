"""A panel for every gate and a row for every family: its starts as colours, before and after training."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plotting import color, legend_below_panel, new_figure
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_name


class GatePanel(NamedTuple):
    """Where one gate of a family is drawn."""

    axes: Axes
    cells: Sequence[CellResults]
    gate: str
    limits: tuple[float, float]
    """The interval that activations lie in."""

    def curves(self) -> Iterator[tuple[CellResults, int, int, dict[str, Any]]]:
        """Yields what a panel has a line for: cell, number of the end, training step, and how the line looks."""
        for n, cell in enumerate(self.cells):
            for end, p in enumerate(cell.ends):
                before = end == 0 and len(cell.ends) > 1
                style = {"linestyle": (0, (1.5, 1)), "linewidth": 1.2} if before else {"linewidth": 1.6}
                yield cell, end, cell.snapshots[p], {"color": color(n), **style}


def grid_of_gates(results: StudyResults, xlabel: str, ylabel: str, **subplots) -> tuple[Figure, list[GatePanel]] | None:
    """Returns a figure with panels for every gate, and these; None where no cell has gates.

    Args:
      results: of the study.
      xlabel: under every panel.
      ylabel: at the left of every row.
      **subplots: as `new_figure` takes them.
    """
    families: dict[str, list[CellResults]] = {}
    for cell in results.cells:
        if cell.group("gate/range"):
            families.setdefault(cell.family, []).append(cell)
    if not families:
        return None
    columns = max(len(cells[0].group("gate/range")) for cells in families.values())
    figure, axes = new_figure(len(families), columns, width=max(2.7 * columns, 6.0), height=3.6, **subplots)
    panels = []
    for row, (family, cells) in zip(axes, families.items(), strict=True):
        gates = cells[0].group("gate/range")
        for ax, gate in zip(row, gates, strict=False):
            low, high = map(float, cells[0].arrays[f"gate/range/{gate}"])
            ax.set_title(f"{family}: gate {gate}")
            ax.set_xlabel(xlabel)
            panels.append(GatePanel(ax, cells, gate, (low, high)))
        for ax in row[len(gates) :]:
            ax.set_axis_off()
        row[0].set_ylabel(ylabel)
        _legend(row[0], cells)
    return figure, panels


def _legend(ax: Axes, cells: Sequence[CellResults]) -> None:
    for n, cell in enumerate(cells):
        ax.plot([], [], color=color(n), label=cell.start if len(cells) > 1 else cell.label)
    first, last = (snapshot_name(cells[0].snapshots[p]) for p in (cells[0].ends[0], cells[0].ends[-1]))
    if first != last:
        ax.plot([], [], color="#555555", linestyle=(0, (1.5, 1)), linewidth=1.2, label=first)
        ax.plot([], [], color="#555555", label=last)
    legend_below_panel(ax)
