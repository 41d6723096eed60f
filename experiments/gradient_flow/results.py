"""The finished parts of a study, read back as numbers by cell and training step."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.gradient_flow.config import GradientFlow
from experiments.gradient_flow.timescales import fit_timescales
from recurrax.gradflow.timescale import Timescale


@dataclasses.dataclass(frozen=True)
class CellResults:
    """One cell's part. Axes: P snapshots, S seeds, K + 1 distances, B sequences; norms are natural logs."""

    name: str
    """As in the config."""
    label: str
    """As in figures."""
    arrays: Mapping[str, np.ndarray]
    """As `experiments.gradient_flow.study.measure_cell` returns them, norms in order of t."""

    @property
    def snapshots(self) -> list[int]:
        """Training steps at which gradient norms were measured."""
        return [int(step) for step in self.arrays["snapshots"]]

    @property
    def ends(self) -> list[int]:
        """Indices of the first and of the last snapshot; one index where they are the same."""
        return sorted({0, len(self.snapshots) - 1})

    @property
    def fields(self) -> list[str]:
        """Names of the fields of the state."""
        return self.group("log_norm/field")

    def group(self, prefix: str) -> list[str]:
        """Returns the last parts of the names of arrays that stand under `prefix`."""
        return [name.removeprefix(prefix + "/") for name in self.arrays if name.startswith(prefix + "/")]

    def by_distance(self, name: str, snapshot: int) -> np.ndarray:
        """Returns log norms `[K + 1, S, B]` by distance from the loss, at one snapshot."""
        return np.moveaxis(self.arrays[name][snapshot], 1, 0)[::-1]

    def timescales(self, name: str, snapshot: int) -> tuple[Timescale, Timescale | None]:
        """Fits the decay of a log norm with distance, as `fit_timescales` does."""
        return fit_timescales(self.by_distance(name, snapshot))


@dataclasses.dataclass(frozen=True)
class StudyResults:
    """What figures, table and findings are made from."""

    config: GradientFlow
    source: str
    """Name of what drives the cells."""
    input_size: int
    cells: Sequence[CellResults]
    costs: Mapping[str, np.ndarray]
    """As `experiments.gradient_flow.costs.measure_costs` returns them, an entry per cell."""
    pair_losses: tuple[float, float] | None = None
    """Of the training text and of the held-out one, as `pair_losses` returns them; None without a text."""

    @property
    def longest(self) -> int:
        """The greatest distance in steps at which gradients were measured."""
        return self.cells[0].arrays["log_norm/joint"].shape[2] - 1


def snapshot_title(step: int) -> str:
    """Names a snapshot."""
    return "At initialisation" if step == 0 else f"After {step} training steps"
