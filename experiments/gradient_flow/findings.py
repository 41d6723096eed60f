"""What the numbers of a study say: a table and a few sentences, made from them."""

import math

import numpy as np

from experiments.common.report import Table
from experiments.gradient_flow.figures import snapshot_title, timescale_text
from experiments.gradient_flow.results import CellResults, band, relative


def summary(cells: list[CellResults], costs: dict[str, np.ndarray]) -> Table:
    """Returns one row per cell and end of the training."""
    header = (
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
    far = len(cells[0].by_distance("flow/joint", 0)) - 1
    rows = []
    for n, cell in enumerate(cells):
        for index, p in enumerate(cell.ends):
            medians = band(cell.by_distance("flow/joint", p)).median
            ratios = ", ".join(f"{k}: {_power(relative(medians)[k])}" for k in (far // 8, far // 2, far))
            held_out = cell.arrays.get("held_out_loss")
            rows.append(
                (
                    cell.label if index == 0 else "",
                    snapshot_title(cell.snapshots[p]).lower(),
                    ratios,
                    timescale_text(cell.timescales("flow/joint", p)),
                    f"{cell.arrays['lyapunov'][index, :, 0].mean():+.3f}",
                    f"{np.median(cell.arrays['gates/memory_time'][index]):.1f} steps"
                    if "gates/memory_time" in cell.arrays
                    else "-",
                    f"{held_out[p].mean() / math.log(2):.2f}" if held_out is not None else "-",
                    f"{costs['parameters'][n]:,}" if index == 0 else "",
                    f"{costs['gradient_ms'][n]:.1f}" if index == 0 else "",
                )
            )
    note = (
        "Gradient norm: median, relative to that at the loss. Time scale τ: steps in which it falls to 1/e, ± standard "
        "error over seeds; where the slope changes, at first and in the second half. λ₁: leading Lyapunov exponent, mean over seeds. Memory time: 1 / (1 - f), median over units, f the mean "
        "share of the old state that the gates keep. Bits per byte: held-out loss, mean over seeds."
    )
    return Table("In numbers", header, rows, note)


def sentences(cells: list[CellResults], costs: dict[str, np.ndarray]) -> list[str]:
    """Returns findings; each says only what the numbers hold."""
    found = []
    far = len(cells[0].by_distance("flow/joint", 0)) - 1
    for p in cells[0].ends:
        reach = {}
        for cell in cells:
            medians = band(cell.by_distance("flow/joint", p)).median
            reach[cell.label] = relative(medians)[far]
        ranked = sorted(reach, key=lambda label: -reach[label])
        shares = ", ".join(f"{label} {_power(reach[label])}" for label in ranked)
        found.append(
            f"{snapshot_title(cells[0].snapshots[p])}, of the gradient norm at the loss there is left {far} steps back: {shares}."
        )
    for cell in cells:
        fits = [cell.timescales("flow/joint", p) for p in cell.ends]
        if len(fits) == 2:
            found.append(
                f"{cell.label} at initialisation: {timescale_text(fits[0])}. Trained: {timescale_text(fits[1])}."
            )
    for cell in cells:
        if len(cell.fields) > 1:
            p = cell.ends[-1]
            medians = {field: band(cell.by_distance(f"flow/path/{field}", p)).median[far // 2] for field in cell.fields}
            whole = band(cell.by_distance("flow/joint", p)).median[far // 2]
            if not np.isfinite(whole):
                continue
            parts = ", ".join(f"{field} alone {_power(value - whole)}" for field, value in medians.items())
            when = snapshot_title(cell.snapshots[p])
            found.append(f"{when}, {far // 2} steps back, of the whole gradient's norm in the {cell.label}: {parts}.")
    labels = [cell.label.lower() for cell in cells]
    if {"lstm", "gru"} <= set(labels):
        ratio = {
            name: costs[name][labels.index("gru")] / max(costs[name][labels.index("lstm")], 1e-12) for name in costs
        }
        found.append(
            f"A GRU has {ratio['parameters']:.0%} of the parameters of an LSTM of the same width; its forward pass takes "
            f"{ratio['forward_ms']:.0%} and its gradient {ratio['gradient_ms']:.0%} of the time here."
        )
    return found


def _power(log_ratio: float) -> str:
    """Writes exp(log_ratio), which floats may not hold, in three characters or scientific form."""
    if not math.isfinite(log_ratio):
        return "undefined" if math.isnan(log_ratio) else "0" if log_ratio < 0 else "inf"
    decimal = log_ratio / math.log(10)
    if -2 < decimal < 3:
        return f"{10**decimal:.2g}"
    exponent = math.floor(decimal)
    return f"{10 ** (decimal - exponent):.1f}e{exponent:+d}"
