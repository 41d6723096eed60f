"""Log norms of many seeds and sequences as a curve with a band around it."""

import dataclasses
from collections.abc import Sequence

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
    return _summary(logs, 0.1, 0.9)


def over_seeds(curves: np.ndarray) -> Band:
    """Summarises the curves `[K + 1, S]` of a few seeds: median, lowest and highest, two means."""
    return _summary(curves, 0.0, 1.0)


def median(logs: np.ndarray) -> np.ndarray:
    """Returns the median of log norms over the last axis, of those that are not NaN; NaN where all are.

    Of an even number it is the mean of the two in the middle, the logarithm of zero where one of them is.
    """
    return _quantiles(logs, (0.5,))[0]


def _summary(logs: np.ndarray, lower: float, upper: float) -> Band:
    flat = logs.reshape(len(logs), -1).astype(np.float64)
    none = np.all(np.isnan(flat), axis=1, keepdims=True)
    # A row of NaN alone would make NumPy warn.
    flat = np.where(none, 0, flat)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, middle, high = _quantiles(flat, (lower, 0.5, upper))
        largest = np.nanmax(flat, axis=1, keepdims=True)
        shift = np.where(np.isfinite(largest), largest, 0)
        annealed = shift[:, 0] + np.log(np.nanmean(np.exp(flat - shift), axis=1))
        curves = (low, middle, high, np.nanmean(flat, axis=1), annealed)
    return Band(*(np.where(none[:, 0], np.nan, curve) for curve in curves))


def _quantiles(logs: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Returns quantiles over the last axis, interpolated between neighbours; NumPy's are NaN between two -inf."""
    ordered = np.sort(np.asarray(logs, np.float64), axis=-1)  # NaN last
    count = np.maximum((~np.isnan(ordered)).sum(-1), 1)
    found = []
    for share in shares:
        place = share * (count - 1)
        below = np.floor(place).astype(int)
        weight = place - below
        first, second = (
            np.take_along_axis(ordered, index[..., None], -1)[..., 0] for index in (below, np.ceil(place).astype(int))
        )
        with np.errstate(invalid="ignore"):
            between = first + weight * (second - first)
        found.append(np.where((weight == 0) | (first == second) | np.isneginf(first), first, between))
    return found


def together(logs: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the log norm of several parts together, of their log norms."""
    return 0.5 * np.logaddexp.reduce([2 * values for values in logs], axis=0)


def logs_of_ratios(logs: np.ndarray) -> np.ndarray:
    """Returns log norms `[K + 1, ...]` over those at distance 0; NaN where both are zero."""
    with np.errstate(invalid="ignore"):
        return logs - logs[:1]


def missing(logs: np.ndarray) -> str:
    """Says of log norms `[K + 1, ...]` how many curves have NaN, which a band leaves out; nothing where none has."""
    broken = np.isnan(logs).any(axis=0)
    return f" ({broken.sum()} of {broken.size} not finite)" if broken.any() else ""
