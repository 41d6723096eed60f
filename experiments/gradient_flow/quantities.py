"""The quantities of the study, a line each, and the tidy table that is written from these lines.

A new quantity is an array that `measure_cell` returns, and a line in `QUANTITIES`; an array of which nothing is said
here is an error.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from experiments.common.bands import logs_of_ratios, median
from experiments.gradient_flow.results import CellResults


@dataclasses.dataclass(frozen=True)
class Quantity:
    """What the arrays of some name hold."""

    arrays: str
    """Their name in a part; what `*` stands for is the column `field`."""
    name: str
    """The column `quantity`."""
    axes: tuple[str, ...]
    """First the one of training steps ("snapshot", "end" or "training step"; "start" has none), then "seed"; then what
    the column `index` numbers; then "sequence", over which statistics are taken."""
    unit: str
    statistic: str = "value"
    """The column `statistic`, where none are taken."""
    has_ratio: bool = False
    """Whether the ratio to the value at distance 0 is a statistic as well."""


_OF_SEQUENCES = ("seed", "t", "sequence")
_OF_GATES = ("end", "seed", "unit")
_OF_UNITS = ("mean", "q10", "q90")

QUANTITIES = (
    Quantity("log_norm/*", "log_norm", ("snapshot", *_OF_SEQUENCES), "nats", has_ratio=True),
    Quantity("log_singular_value/*", "log_singular_value", ("end", *_OF_SEQUENCES), "nats"),
    Quantity("alignment/*", "alignment", ("end", *_OF_SEQUENCES), "nats"),
    Quantity("leading_directions", "leading_directions", ("end", "seed", "distance"), "directions", "mean"),
    Quantity("log_norm_weight/*", "log_norm_weight", ("end", *_OF_SEQUENCES), "nats"),
    Quantity("log_norm_gate/*", "log_norm_gate", ("end", *_OF_SEQUENCES), "nats"),
    Quantity("lyapunov_exponent", "lyapunov_exponent", ("end", "seed", "exponent"), "nats per step"),
    Quantity("first_not_finite", "first_not_finite", ("snapshot", "seed", "sequence number"), "step"),
    Quantity("gate/mean/*", "gate", _OF_GATES, "activation", "mean"),
    Quantity("gate/low/*", "gate", _OF_GATES, "share", "low"),
    Quantity("gate/high/*", "gate", _OF_GATES, "share", "high"),
    *(Quantity(f"gate_over_time/{s}/*", "gate_over_time", ("end", "seed", "step"), "activation", s) for s in _OF_UNITS),
    Quantity("gate/memory_time", "gate", _OF_GATES, "steps", "memory_time"),
    Quantity("theory/step_radius", "step_radius", ("start", "seed"), "share a step"),
    Quantity("theory/*", "theory", ("start", "seed", "distance"), "nats"),
    Quantity("train_loss", "train_loss", ("training step", "seed"), "nats per symbol"),
    Quantity("held_out_loss", "held_out_loss", ("snapshot", "seed"), "nats per symbol"),
)

NOT_TIDY = {
    "snapshots": "the column training_step of every row",
    "state_size": "the number of Lyapunov exponents, or of directions where only the leading ones are measured",
    "layers": "a number of the cell",
    "gate/histogram/*": "figures/gates.csv has the densities",
    "gate/range/*": "the ends of the histograms",
}
"""Arrays without rows of their own, and why."""

COLUMNS = ("cell", "training_step", "seed", "quantity", "field", "index", "statistic", "value", "unit")
"""Columns of `results.csv`.

`index` is the distance in steps, the number of an exponent, largest first, of a unit, of a step, or of a sequence. The
value of `first_not_finite` is -1 for a sequence without inf and NaN.
"""


def tidy_rows(
    cells: Sequence[CellResults], seeds: Sequence[int], costs: Mapping[str, np.ndarray] | None = None
) -> Iterator[tuple]:
    """Yields the rows of `results.csv`; see `COLUMNS`.

    Norms come as statistics over the sequences of one seed, in nats: `median`, and `median_ratio`, the median log of a
    norm over that at the loss. Every number of the report is made of these; single sequences are in `parts/`.

    Args:
      cells: the cells.
      seeds: of their networks.
      costs: an entry for every cell, by name.

    Raises:
      ValueError: of an array nothing is said in `QUANTITIES` and `NOT_TIDY`, or its axes are other ones.
    """
    for cell in cells:
        for name in sorted(cell.arrays):
            quantity = quantity_of(name)
            if quantity is not None:
                yield from _rows(cell, quantity, name, seeds)
    for name, values in (costs or {}).items():
        unit = {"ms": "ms", "bytes": "bytes"}.get(name.rpartition("_")[2], "")
        for cell, value in zip(cells, values, strict=True):
            yield cell.label, "", "", name, "", "", "value", value, unit


def quantity_of(name: str) -> Quantity | None:
    """Returns the quantity that the array of that name holds; None for one of `NOT_TIDY`.

    Raises:
      ValueError: nothing is said of that name.
    """
    for quantity in QUANTITIES:
        if fnmatchcase(name, quantity.arrays):
            return quantity
    if any(fnmatchcase(name, pattern) for pattern in NOT_TIDY):
        return None
    raise ValueError(f"the array {name!r} is unknown: give it a line in QUANTITIES, or a reason in NOT_TIDY.")


def _rows(cell: CellResults, quantity: Quantity, name: str, seeds: Sequence[int]) -> Iterator[tuple]:
    values = cell.arrays[name]
    values = values[None] if quantity.axes[0] == "start" else values
    if quantity.axes[-1] == "unit":  # of several layers or grids one after another
        values = values.reshape(*values.shape[:2], -1)
    steps = {
        "snapshot": cell.snapshots,
        "end": [cell.snapshots[p] for p in cell.ends],
        "start": [0],
        "training step": range(1, len(values) + 1),
    }[quantity.axes[0]]
    if values.ndim != len(quantity.axes) or values.shape[:2] != (len(steps), len(seeds)):
        expected = f"({', '.join(quantity.axes)}) with {len(steps)} x {len(seeds)} at first"
        raise ValueError(f"the array {name!r} must have the axes {expected}, got the shape {values.shape}.")
    field = name[len(quantity.arrays) - 1 :] if quantity.arrays.endswith("*") else ""
    for step, of_step in zip(steps, values, strict=True):
        for seed, of_seed in zip(seeds, of_step, strict=True):
            for statistic, curve in _statistics(quantity, of_seed).items():
                for index, value in enumerate(curve) if np.ndim(curve) else (("", curve),):
                    yield cell.label, step, seed, quantity.name, field, index, statistic, value, quantity.unit


def _statistics(quantity: Quantity, values: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the numbers to be written, by the name of the statistic."""
    if quantity.axes[-1] != "sequence":
        return {quantity.statistic: values}
    logs = values[::-1]  # from t to the distance from the loss
    found = {"median": median(logs)}
    return found | ({"median_ratio": median(logs_of_ratios(logs))} if quantity.has_ratio else {})
