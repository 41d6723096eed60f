"""The tables of the report: what was measured, and how the cells start."""

import dataclasses
import inspect
import math
import re
from typing import Any

import numpy as np

from experiments.common.bands import over_seeds
from experiments.common.config import field_docs
from experiments.common.prose import power
from experiments.common.report import Table
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title
from experiments.gradient_flow.timescales import timescale_text
from recurrax.initializers import Initializer

HEADER = (
    "cell",
    "when",
    "gradient norm at distance",
    "1/e at k =",
    "time scale",
    "λ₁ (nats/step)",
    "memory time",
    "bits/byte",
    "parameters",
    "gradient (ms)",
)


def summary(results: StudyResults) -> Table:
    """Returns one row per cell and end of the training."""
    rows = []
    for n, cell in enumerate(results.cells):
        costs = (f"{results.costs['parameters'][n]:,}", f"{results.costs['gradient_ms'][n]:.1f}")
        for index, p in enumerate(cell.ends):
            first = index == 0
            rows.append((cell.label if first else "", *_summary(cell, index, p), *(costs if first else ("", ""))))
    note = (
        f"Median of {results.config.seeds} seeds, each the median over its sequences, unless said otherwise. Gradient "
        "norm: relative to that at the loss. 1/e: the first distance at which less than 1/e is left. Time scale τ: "
        "steps in which the norm falls to 1/e, ± standard error over seeds, with the distances that the line was "
        "fitted to; no exponential: no straight line fits half of the distances. λ₁: leading Lyapunov exponent, mean "
        "over seeds. Memory time: 1 / (1 - f), median over units, f the mean share of the old state that the gates "
        "keep. Bits per byte: held-out loss, mean over seeds. Undefined or nan: a run is not finite."
    )
    return Table("In numbers", HEADER, rows, note)


def _summary(cell: CellResults, index: int, p: int) -> tuple[str, ...]:
    """Returns what was measured at one end, the columns between the cell and its costs."""
    left = over_seeds(cell.ratio("log_norm/joint", p)).median
    far = len(left) - 1
    memory, held_out = cell.arrays.get("gate/memory_time"), cell.arrays.get("held_out_loss")
    below = np.flatnonzero(left < -1)
    return (
        snapshot_title(cell.snapshots[p]).lower(),
        ", ".join(f"{k}: {power(left[k])}" for k in (far // 8, far // 2, far)),
        str(below[0]) if len(below) else f"beyond {far}",
        timescale_text(cell.timescale("log_norm/joint", p)),
        f"{cell.arrays['lyapunov_exponent'][index, :, 0].mean():+.3f}",
        "-" if memory is None else f"{np.median(memory[index]):.1f} steps",
        "-" if held_out is None else f"{held_out[p].mean() / math.log(2):.2f}",
    )


def starts(results: StudyResults) -> Table:
    """Returns how the weights of every cell are drawn, in words made from its fields, and what its gates do then."""
    header = ("cell", "recurrent weights U", "input weights W", "biases b", "gates at the start")
    rows = [
        (
            cell.label,
            *(_said(getattr(cell.variant.cell, f"{part}_init", None)) for part in ("recurrent", "input")),
            _biases(cell),
            _gates(cell),
        )
        for cell in results.cells
    ]
    notes = {
        f"{cell.family}: {name} is {_field_doc(cell, name)}."
        for cell in results.cells
        for name in ("forget_bias",)
        if _field_doc(cell, name)
    }
    equations = {f"{cell.family}: {text}." for cell in results.cells if (text := _equations(cell))}
    note = (
        "N: rows of the matrix. Gates: mean activation over units, steps, sequences and seeds at initialisation. "
        + " ".join([*sorted(equations), *sorted(notes)])
    )
    return Table("How the cells start", header, rows, note)


def _said(initializer: Any) -> str:
    """Says how an initialiser draws: the first sentence of its docstring, with its own values for the fields in it."""
    if not isinstance(initializer, Initializer):
        return "-"
    text = " ".join((inspect.getdoc(type(initializer)) or "").split("\n\n")[0].split())
    sentence = re.split(r"[.;](?= |$)| \([A-Z]", text)[0]
    for field in dataclasses.fields(initializer):  # pyright: ignore[reportArgumentType]
        value = getattr(initializer, field.name)
        sentence = sentence.replace(f"`{field.name}`", f"{value:g}" if isinstance(value, float) else str(value))
    return sentence.replace(", times 1", "").replace("1 / sqrt", "1/sqrt")


def _biases(cell: CellResults) -> str:
    """Says how biases are drawn, and what the forget bias then adds to those of which gates."""
    own = cell.variant.cell
    drawn, forget = _said(getattr(own, "bias_init", None)), getattr(own, "forget_bias", None)
    if forget is None:
        return drawn
    shifted = getattr(own, "bias_shifts", None)
    if not (isinstance(forget, float) and shifted):
        return f"{drawn}; forget bias {forget}"
    shifts = {gate: float(shift) for gate, shift in shifted(forget, 0.0).items()}
    return ", ".join([drawn, *(f"{shift:+g} on {gate}" for gate, shift in shifts.items() if shift)])


def _equations(cell: CellResults) -> str:
    """Returns the equations of a cell, which its class shows as lines that stand in."""
    described = (inspect.getdoc(type(cell.variant.cell)) or "").partition("Attributes:")[0]
    lines = re.findall(r"^ {4,}(\S.*=.*)$", described, re.MULTILINE)
    return "; ".join(part for line in lines for part in re.split(r" {3,}", line.strip()))


def _field_doc(cell: CellResults, name: str) -> str:
    """Returns what the class of a cell says of one of its fields."""
    return field_docs(type(cell.variant.cell)).get(name, "").removesuffix(".")


def _gates(cell: CellResults) -> str:
    """Returns the mean of every gate at initialisation."""
    gates = cell.group("gate/mean")
    return ", ".join(f"{gate} {cell.arrays[f'gate/mean/{gate}'][0].mean():.2f}" for gate in gates) or "-"
