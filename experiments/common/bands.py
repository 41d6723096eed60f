"""Log norms of many seeds and sequences as a curve with a band around it."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Band:
    """What a set of log norms looks like at every distance; natural logs, over seeds and sequences.

    Over those that are not NaN, and NaN where all are.
    """

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
    none = np.all(np.isnan(flat), axis=1, keepdims=True)
    # A row of NaN alone would make NumPy warn.
    flat = np.where(none, 0, flat)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, median, high = np.nanquantile(flat, [0.1, 0.5, 0.9], axis=1, method="nearest")
        largest = np.nanmax(flat, axis=1, keepdims=True)
        shift = np.where(np.isfinite(largest), largest, 0)
        annealed = shift[:, 0] + np.log(np.nanmean(np.exp(flat - shift), axis=1))
        curves = (low, median, high, np.nanmean(flat, axis=1), annealed)
    return Band(*(np.where(none[:, 0], np.nan, curve) for curve in curves))


def relative(logs: np.ndarray) -> np.ndarray:
    """Returns log norms over those at distance 0, along the last axis; NaN where both are zero."""
    with np.errstate(invalid="ignore"):
        return logs - logs[..., :1]


def missing(logs: np.ndarray) -> str:
    """Says of log norms `[K + 1, ...]` how many curves have NaN, which a band leaves out; nothing where none has."""
    broken = np.isnan(logs).any(axis=0)
    return f" ({broken.sum()} of {broken.size} not finite)" if broken.any() else ""
