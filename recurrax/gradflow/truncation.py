"""How many steps truncated backpropagation has to go back, from how fast a gradient fades with distance."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from recurrax._util import checks

_FLAT = 1e-9
"""Nats per step, below which a slope is rounding."""


class Truncation(NamedTuple):
    """What is lost by going back K steps, for every K that was measured, and the least K that loses little enough."""

    steps: int | None
    """The least K whose share is within the tolerance; None where no measured one is, the gradient does not fade, or a
    norm is not finite."""
    lost: Float[np.ndarray, "K+1"]
    """Share of the summed norms that lies beyond K, for K = 0, 1, ..; inf where the gradient does not fade,
    NaN where a norm is not finite."""
    rate: float
    """Slope of the log norm over the second half of the distances, by which the rest is extrapolated; nats per step.
    NaN where a norm is not finite."""


def truncation(log_norm: Float[Array, "K+1 ..."], tolerance: float = 0.1) -> Truncation:
    """Chooses K of truncated backpropagation from measured norms (after Aicher, Foti & Fox 2019, section 3).

        lost(K) = (sum over k > K of phi_k) / (sum over all k of phi_k)         phi_k = mean norm of dL/ds_{T-k}

    Where derivatives of states by parameters are of about one size at all steps, this is a bound on the bias of the
    truncated gradient relative to the summed norms. Beyond the last distance, phi goes on as an exponential with the
    slope of the second half; where that does not fall, no K is enough.

    >>> truncation(np.log(0.5) * np.arange(30), tolerance=0.01).steps
    6

    Args:
      log_norm: log norms by distance, from 0 on, e.g. `gradient_norms(...).joint[::-1]`; averaged, as norms, over
        further axes.
      tolerance: share that may be lost, in (0, 1).

    Raises:
      TypeError, ValueError: `tolerance` is not in (0, 1); fewer than 4 distances.
    """
    checks.finite("tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie between 0 and 1, got {tolerance}.")
    logs = np.asarray(log_norm, np.float64)
    if logs.ndim < 1 or len(logs) < 4:
        raise ValueError(f"log_norm must have at least 4 distances along its first axis, got shape {logs.shape}.")
    if (np.isnan(logs) | np.isposinf(logs)).any():
        return Truncation(None, np.full(len(logs), math.nan), math.nan)
    mean = _log_mean(logs.reshape(len(logs), -1))
    rate = _slope(mean[len(mean) // 2 :])
    # Relative to the largest, so that nothing overflows.
    phi = np.exp(mean - mean.max()) if np.isfinite(mean.max()) else np.zeros_like(mean)
    if phi[-1] > 0 and rate > -_FLAT:
        return Truncation(None, np.full(len(phi), math.inf), rate)
    rest = phi[-1] * math.exp(rate) / -math.expm1(rate) if phi[-1] > 0 else 0.0
    beyond = np.append(np.cumsum(phi[:0:-1])[::-1], 0.0) + rest
    lost = beyond / max(phi[0] + beyond[0], np.finfo(float).tiny)
    enough = np.flatnonzero(lost <= tolerance)
    return Truncation(int(enough[0]) if enough.size else None, lost, rate)


def _log_mean(logs: np.ndarray) -> np.ndarray:
    largest = logs.max(1, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        return shift[:, 0] + np.log(np.exp(logs - shift).mean(1))


def _slope(curve: np.ndarray) -> float:
    """Returns the least-squares slope of what is finite; -inf where the norm is zero at last."""
    distance = np.arange(len(curve))
    usable = np.isfinite(curve)
    if not usable[-1]:
        return -math.inf
    return float(np.polyfit(distance[usable], curve[usable], 1)[0]) if usable.sum() > 1 else -math.inf
