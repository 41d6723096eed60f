"""The table of a training, `results.csv`, of which every number of its report is made."""

from collections.abc import Iterator, Sequence

import numpy as np

from experiments.training.measure import Flow
from experiments.training.results import Curve

SCORES = ("loss", "largest_gradient", "eval_loss", "eval_error", "confirmed_loss", "confirmed_error")
"""Columns that lines of metrics have under the same names."""

HEADER = (
    "seed",
    "training_step",
    *SCORES,
    "diverged",
    "flow_sequences",
    "flow_not_finite",
    "flow_distance_steps",
    "log_flow_median_nats",
)
"""Of `results.csv`: a row for every line of metrics, with what was measured then. What was not is empty."""


def tidy_rows(curves: Sequence[Curve]) -> Iterator[tuple]:
    """Yields the rows of `results.csv`; see `HEADER`."""
    for curve in curves:
        for row in curve.rows:
            flow = curve.flows.get(row["step"]) if row.get("gradient_norms") else None
            measured = (None,) * 4 if flow is None else (flow.sequences, flow.not_finite, *kept(flow))
            scores = (row.get(name) for name in SCORES)
            yield curve.seed, row["step"], *scores, int(bool(row.get("diverged"))), *measured


def kept(flow: Flow) -> tuple[int | None, float | None]:
    """Returns the greatest distance that half of the sequences reach, and what is left of the norm there.

    Returns:
      The distance, steps, and the log of the median norm over that at distance 0; None for both where no norm is known.
    """
    known = np.flatnonzero(~np.isnan(flow.median))
    if not known.size or known[0] > 0:
        return None, None
    with np.errstate(invalid="ignore"):  # of two norms that are zero nothing is known
        left = float(flow.median[known[-1]] - flow.median[0])
    return (int(known[-1]), left) if not np.isnan(left) else (None, None)
