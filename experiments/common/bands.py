"""Log norms of many seeds and sequences as a curve with a band around it."""

import dataclasses

import numpy as np


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


def relative(logs: np.ndarray) -> np.ndarray:
    """Returns log norms over those at distance 0, along the last axis; NaN where both are zero."""
    with np.errstate(invalid="ignore"):
        return logs - logs[..., :1]
