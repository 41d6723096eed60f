"""How sentences name cells, distances and training steps, and gather what they say of many cells."""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_name, snapshot_title

FEW = 12
"""Cells that a sentence names one by one."""


def families(results: StudyResults) -> dict[str, list[CellResults]]:
    """Returns the cells by what they have in common; none where the study has too many kinds for a sentence each."""
    found: dict[str, list[CellResults]] = {}
    for cell in results.cells:
        found.setdefault(cell.family, []).append(cell)
    return found if len(found) <= FEW else {}


def short(cell: CellResults, cells: Sequence[CellResults]) -> str:
    """Returns what the cell is called in a sentence about these cells of its family."""
    return cell.start if len(cells) > 1 else cell.label


def when(cell: CellResults, snapshot: int) -> str:
    """Names a snapshot at the beginning of a sentence."""
    return snapshot_title(cell.snapshots[snapshot])


def then(cell: CellResults, snapshot: int) -> str:
    """Names a snapshot within a sentence."""
    return snapshot_name(cell.snapshots[snapshot])


def distance(cells: Sequence[CellResults]) -> str:
    """Returns the greatest distance of the cells, or the range of these."""
    lengths = sorted({cell.longest for cell in cells})
    return str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"


def listed(said: Mapping[str, str], between: str = "; ") -> str:
    """Joins what is said of every cell, by its name; of many, the first and the last few and how many there are.

    >>> listed({"LSTM": "0.1", "GRU": "0.2"})
    'LSTM: 0.1; GRU: 0.2'
    """
    parts = [f"{name}: {text}" for name, text in said.items()]
    if len(parts) > FEW:
        parts = [*parts[: FEW // 2], f"and {len(parts) - FEW} more", *parts[-(FEW // 2) :]]
    return between.join(parts)


def per_seed(values: np.ndarray) -> np.ndarray:
    """Returns the median over the sequences of each seed, the last axis; NaN where one of them is."""
    return np.median(values, axis=-1)


def at_distance(cell: CellResults, name: str, index: int, k: int) -> np.ndarray:
    """Returns log norms `[S, B]` at distance k."""
    return cell.arrays[name][index][:, -1 - k]
