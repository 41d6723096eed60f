"""What the panels of the figures share: a column for every cell and width, names that fit, one legend."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.common.plotting import legend_below
from experiments.remedies.config import NONE, Comparison, Kind
from experiments.remedies.effects import base_of
from experiments.remedies.findings import name_of

MOST = 7
"""Curves that a panel holds; more cannot be told apart."""
WIDTH = 4.2
"""Inches of a panel."""


def columns_of(config: Comparison) -> dict[tuple[str, int], str]:
    """Returns the cells and widths, each with its title."""
    return {(k.cell, k.hidden_size): wrapped(name_of(k, config)) for k in config.kinds}


def wrapped(name: str, letters: int = 34) -> str:
    """Returns a long name in lines that fit over a panel."""
    return "\n".join(textwrap.wrap(name, letters))


def label_of(remedy: str) -> str:
    """Returns what a legend calls a remedy."""
    return "as it is" if remedy == NONE else remedy


def groups(config: Comparison) -> list[list[str]]:
    """Returns the remedies in groups that a panel can hold, each with what the others are compared with in front."""
    bases = list(dict.fromkeys(base_of(k.cell, k.hidden_size, config) for k in config.kinds))
    others = [remedy for remedy in config.remedies if remedy not in bases]
    size = max(1, MOST - len(bases))
    return [bases + others[n : n + size] for n in range(0, max(1, len(others)), size)]


def style_of(remedy: str, shown: Sequence[str]) -> int:
    """Returns the number of the colour and of the dash of a remedy among those of its panel."""
    return list(shown).index(remedy)


def kind_of(config: Comparison, column: tuple[str, int], task: str, length: int, remedy: str) -> Kind | None:
    """Returns a kind, where the remedy applies to the cell."""
    kind = Kind(*column, task, length, remedy)
    return kind if kind in config.kinds else None


def common_legend(figure: Figure, axes: np.ndarray) -> None:
    """Puts the remedies of all panels under the figure: not every one applies to every cell."""
    found = _handles(axes)
    legend_below(figure, list(found.values()), list(found))


def legend_of_row(axes: np.ndarray) -> None:
    """Puts the remedies of a row of panels beside its last one."""
    found = _handles(axes)
    axes[-1].legend(found.values(), found, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0)


def _handles(axes: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found
