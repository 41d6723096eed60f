"""The finished parts of a study, read back as numbers by cell and training step, and its tidy table."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from recurrax.gradflow.timescale import Timescale, fit_timescale


@dataclasses.dataclass(frozen=True)
class CellResults:
    """One cell's part. Axes: P snapshots, S seeds, K + 1 distances, B sequences; norms are natural logs."""

    name: str
    """As in the config."""
    label: str
    """As in figures."""
    arrays: dict[str, np.ndarray]
    """As `experiments.gradient_flow.study.measure_cell` returns them, norms in order of t."""

    @property
    def snapshots(self) -> list[int]:
        """Training steps at which gradient flow was measured."""
        return [int(step) for step in self.arrays["snapshots"]]

    @property
    def ends(self) -> list[int]:
        """Indices of the first and of the last snapshot; one index where they are the same."""
        return sorted({0, len(self.snapshots) - 1})

    @property
    def fields(self) -> list[str]:
        """Names of the fields of the state."""
        return self.group("flow/field")

    def group(self, prefix: str) -> list[str]:
        """Returns the last parts of the names of arrays that stand under `prefix`."""
        return [name.removeprefix(prefix + "/") for name in self.arrays if name.startswith(prefix + "/")]

    def by_distance(self, name: str, snapshot: int) -> np.ndarray:
        """Returns log norms `[K + 1, S, B]` by distance from the loss, at one snapshot."""
        return np.moveaxis(self.arrays[name][snapshot], 1, 0)[::-1]

    def timescales(self, name: str, snapshot: int) -> tuple[Timescale, Timescale | None]:
        """Fits the decay of a log norm with distance: at first, and in its second half where that is not all the same.

        Errors are those over seeds, or from the scatter along the curve where there is a single seed.
        """
        logs = self.by_distance(name, snapshot)
        if logs.shape[1] == 1:
            logs, axis = band(logs).typical[:, None, None], None
        else:
            axis = 1
        distance, half = np.arange(len(logs)), len(logs) // 2
        fits = [
            fit_timescale(distance[begin:], logs[begin:], independent_axis=axis)  # pyright: ignore[reportArgumentType]
            for begin in (0, half)
        ]
        first, late = fits
        changes = abs(late.rate - first.rate) > 2 * math.hypot(first.rate_error, late.rate_error)
        return first, late if first.shape == "partly" and first.last_distance <= half and changes else None


def relative(logs: np.ndarray) -> np.ndarray:
    """Returns log norms over those at distance 0, along the last axis; NaN where both are zero."""
    with np.errstate(invalid="ignore"):
        return logs - logs[..., :1]


@dataclasses.dataclass(frozen=True)
class Band:
    """What a set of log norms looks like at every distance; natural logs, over seeds and sequences."""

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    typical: np.ndarray
    """Mean of the logs."""
    annealed: np.ndarray
    """Log of the mean: what the largest few amount to."""


def band(logs: np.ndarray) -> Band:
    """Summarises log norms `[K + 1, ...]` over all axes but the first: median, 10 % and 90 % quantiles, two means."""
    flat = logs.reshape(len(logs), -1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, median, high = np.quantile(flat, [0.1, 0.5, 0.9], axis=1, method="nearest")
        largest = flat.max(axis=1, keepdims=True)
        shift = np.where(np.isfinite(largest), largest, 0)
        annealed = shift[:, 0] + np.log(np.exp(flat - shift).mean(axis=1))
        return Band(low, median, high, flat.mean(axis=1), annealed)


def tidy_rows(cells: list[CellResults], seeds: list[int]) -> Iterator[tuple]:
    """Yields the rows of `results.csv`; see `COLUMNS`.

    Norms come as statistics over the sequences of one seed: `median`, `q10`, `q90`, `mean_log` (typical) and `log_mean`
    (annealed), in nats. The single values of every sequence are in `parts/`.
    """
    for cell in cells:
        for name in sorted(cell.arrays):
            quantity, _, field = name.partition("/")
            values = cell.arrays[name]
            if quantity == "flow":
                yield from _norm_rows(cell, "log_norm", field, name, range(len(cell.snapshots)), seeds)
            elif quantity == "jacobian":
                yield from _norm_rows(cell, "log_singular_value", field, name, cell.ends, seeds)
            elif quantity == "lyapunov":
                for n, p in enumerate(cell.ends):
                    for s, seed in enumerate(seeds):
                        for index, rate in enumerate(values[n, s]):
                            yield cell.label, cell.snapshots[p], seed, "lyapunov_exponent", "", index, "value", rate
            elif quantity == "gates" and not field.startswith(("histogram", "range")):
                statistic, _, gate = field.partition("/")
                for n, p in enumerate(cell.ends):
                    for s, seed in enumerate(seeds):
                        for unit, value in enumerate(values[n, s]):
                            yield cell.label, cell.snapshots[p], seed, "gate", gate, unit, statistic, value
            elif name in ("held_out_loss", "train_loss"):
                steps = cell.snapshots if name == "held_out_loss" else range(1, values.shape[0] + 1)
                for step, losses in zip(steps, values, strict=True):
                    for seed, loss in zip(seeds, losses, strict=True):
                        yield cell.label, step, seed, name, "", "", "nats_per_symbol", loss


COLUMNS = ("cell", "training_step", "seed", "quantity", "field", "index", "statistic", "value")
"""Columns of `results.csv`; `index` is the distance in steps, or the number of an exponent, largest first."""


def _norm_rows(cell, quantity, field, name, snapshots, seeds):
    training_steps = cell.snapshots
    for n, p in enumerate(snapshots):
        logs = cell.by_distance(name, n)
        for s, seed in enumerate(seeds):
            b = band(logs[:, s])
            statistics = {
                "median": b.median,
                "q10": b.low,
                "q90": b.high,
                "mean_log": b.typical,
                "log_mean": b.annealed,
            }
            for statistic, curve in statistics.items():
                for distance, value in enumerate(curve):
                    yield cell.label, training_steps[p], seed, quantity, field, distance, statistic, value
