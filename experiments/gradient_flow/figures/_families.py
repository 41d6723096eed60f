"""A panel for every family of cells, its starts as lines; a row for every training step that is shown."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plotting import legend_below_panel, new_figure, panel_letter
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_name, snapshot_title


class FamilyPanel(NamedTuple):
    """Where the cells of one family are drawn."""

    axes: Axes
    cells: Sequence[CellResults]
    family: str
    """Empty where one panel has all cells."""
    row: int
    """Number among the training steps that are shown."""
    snapshot: int
    """Number among the snapshots."""

    def name(self, cell: CellResults) -> str:
        """Returns what the legend of the panel calls a cell."""
        return cell.start if self.family else cell.label

    @property
    def step(self) -> int:
        """Training steps done."""
        return self.cells[0].snapshots[self.snapshot]


def by_family(
    results: StudyResults, snapshots: Sequence[int], *, xlabel: str, ylabel: str, height: float = 4.4
) -> tuple[Figure, list[FamilyPanel]]:
    """Returns a figure with a panel for every family and snapshot, titled and lettered, all with the same axes.

    Args:
      results: of the study.
      snapshots: numbers of those that are shown.
      xlabel: under every panel.
      ylabel: at the left of every row.
      height: of a row, inches.
    """
    families = results.panels
    width = max(4.3 * len(families), 6.0)
    figure, axes = new_figure(len(snapshots), len(families), width=width, height=height, sharex=True, sharey=True)
    panels = []
    for row, snapshot in enumerate(snapshots):
        for column, (family, cells) in enumerate(families.items()):
            panel = FamilyPanel(axes[row, column], cells, family, row, snapshot)
            title = f"{family}: {snapshot_name(panel.step)}" if family else snapshot_title(panel.step)
            panel.axes.set_title(title)
            panel.axes.tick_params(labelbottom=True)
            panel.axes.set_xlabel(xlabel)
            panel_letter(panel.axes, len(panels))
            panels.append(panel)
        axes[row, 0].set_ylabel(ylabel)
    return figure, panels


def add_legends(panels: Sequence[FamilyPanel]) -> None:
    """Puts its legend under every panel that has lines."""
    for panel in panels:
        if panel.axes.get_legend_handles_labels()[0]:
            legend_below_panel(panel.axes)
