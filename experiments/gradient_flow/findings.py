"""What the numbers of a study say: a table and a few sentences, made from them."""

import math
from collections.abc import Iterator

import numpy as np

from experiments.common.bands import band, relative
from experiments.common.report import Table
from experiments.gradient_flow import findings_of_carriers
from experiments.gradient_flow.results import CellResults, StudyResults, snapshot_title
from experiments.gradient_flow.timescales import timescale_text

HEADER = (
    "cell",
    "when",
    "gradient norm at distance",
    "time scale",
    "λ₁ (nats/step)",
    "memory time",
    "bits/byte",
    "parameters",
    "gradient (ms)",
)
NOTE = (
    "Gradient norm: median, relative to that at the loss. Time scale τ: steps in which it falls to 1/e, ± standard "
    "error over seeds; where the slope changes, at first and in the second half. λ₁: leading Lyapunov exponent, mean "
    "over seeds. Memory time: 1 / (1 - f), median over units, f the mean share of the old state that the gates keep. "
    "Bits per byte: held-out loss, mean over seeds. Undefined or nan: a run is not finite."
)


def summary(results: StudyResults) -> Table:
    """Returns one row per cell and end of the training."""
    rows = []
    for n, cell in enumerate(results.cells):
        costs = (f"{results.costs['parameters'][n]:,}", f"{results.costs['gradient_ms'][n]:.1f}")
        for index, p in enumerate(cell.ends):
            first = index == 0
            rows.append((cell.label if first else "", *_summary(cell, index, p), *(costs if first else ("", ""))))
    return Table("In numbers", HEADER, rows, NOTE)


def _summary(cell: CellResults, index: int, p: int) -> tuple[str, ...]:
    """Returns what was measured at one end, the columns between the cell and its costs."""
    left = relative(band(cell.by_distance("log_norm/joint", p)).median)
    far = len(left) - 1
    memory, held_out = cell.arrays.get("gate/memory_time"), cell.arrays.get("held_out_loss")
    return (
        snapshot_title(cell.snapshots[p]).lower(),
        ", ".join(f"{k}: {_power(left[k])}" for k in (far // 8, far // 2, far)),
        timescale_text(cell.timescales("log_norm/joint", p)),
        f"{cell.arrays['lyapunov_exponent'][index, :, 0].mean():+.3f}",
        "-" if memory is None else f"{np.median(memory[index]):.1f} steps",
        "-" if held_out is None else f"{held_out[p].mean() / math.log(2):.2f}",
    )


def sentences(results: StudyResults) -> list[str]:
    """Returns findings; each says only what the numbers hold."""
    broken = [sentence for cell in results.cells for sentence in not_finite(cell)]
    return [*broken, *_of_reach(results), *_of_training(results), *findings_of_carriers.sentences(results)]


def not_finite(cell: CellResults) -> Iterator[str]:
    """Says of every snapshot how many runs or gradients are not finite, and from where on."""
    for p, step in enumerate(cell.snapshots):
        first = cell.arrays["first_not_finite"][p]
        when, broken = snapshot_title(step).lower(), first >= 0
        if broken.any():
            yield (
                f"{cell.label} {when}: {broken.sum()} of {first.size} runs hold inf or NaN, from step "
                f"{first[broken].min()} on in the first; what is measured of them is NaN and left out of the curves."
            )
        gradients = np.isnan(cell.by_distance("log_norm/joint", p)) & ~broken
        overflowed = gradients.any(0)
        if overflowed.any():
            nearest = gradients.any((1, 2)).argmax()
            yield (
                f"{cell.label} {when}: the gradient of {overflowed.sum()} of {first.size} runs overflows, {nearest} "
                "steps back in the first, though the states are finite; its norms are NaN from there on and left out."
            )


def _of_reach(results: StudyResults) -> Iterator[str]:
    cells, far = results.cells, results.longest
    for p in cells[0].ends:
        reach = {cell.label: relative(band(cell.by_distance("log_norm/joint", p)).median)[far] for cell in cells}
        ranked = sorted(reach, key=lambda label: -reach[label])
        shares = ", ".join(f"{label} {_power(reach[label])}" for label in ranked)
        when = snapshot_title(cells[0].snapshots[p])
        yield f"{when}, of the gradient norm at the loss there is left {far} steps back: {shares}."


def _of_training(results: StudyResults) -> Iterator[str]:
    for cell in results.cells:
        fits = [timescale_text(cell.timescales("log_norm/joint", p)) for p in cell.ends]
        if len(fits) == 2:
            yield f"{cell.label} at initialisation: {fits[0]}. Trained: {fits[1]}."


def _power(log_ratio: float) -> str:
    """Writes exp(log_ratio), which floats may not hold, in three characters or scientific form."""
    if not math.isfinite(log_ratio):
        return "undefined" if math.isnan(log_ratio) else "0" if log_ratio < 0 else "inf"
    decimal = log_ratio / math.log(10)
    if -2 < decimal < 3:
        return f"{10**decimal:.2g}"
    exponent = math.floor(decimal)
    return f"{10 ** (decimal - exponent):.1f}e{exponent:+d}"
