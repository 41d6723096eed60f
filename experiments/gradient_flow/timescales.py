"""In how many steps the gradient norm falls to 1/e: fitted to curves of log norms, where these are exponential."""

import math

import numpy as np
from jaxtyping import Float

from recurrax.gradflow.timescale import Timescale, fit_timescale

SHARE = 0.5
"""The least share of all distances that one straight line has to fit: fewer are a stretch of another curve."""
TRANSIENT = 5
"""Steps next to the loss that may differ."""
STEADY = 0.25
"""The most by which the slopes of the two halves may differ, relative to the slope of the whole."""
STRAIGHT = 1.0
"""What they may differ by in any case, in nats over the whole: then no point is farther than a sixth from the line."""
PER_STEP = 1e-5
"""Slopes below, in nats per step, are flat."""


def fit_timescale_of(curves: Float[np.ndarray, "K+1 S"]) -> Timescale | None:
    """Fits the decay of log norms with distance; None where they are not exponential.

    They are where one straight line fits all distances, or at least half of them, and its two halves alike. A U-shaped
    curve, a power law and a curve that keeps bending have no time scale.

    Args:
      curves: of independent seeds, over which the error is taken; from the scatter along the curve if there is one.
    """
    distance, curves = np.arange(len(curves)), curves.reshape(len(curves), -1)
    stretch = _fit(distance, curves)
    whole = _line(distance, curves) if stretch.shape == "partly" else stretch
    for fit in (whole, stretch):
        long_enough = fit.last_distance - fit.first_distance >= SHARE * (len(curves) - 1)
        if math.isfinite(fit.rate) and long_enough and _is_straight(fit, curves):
            return fit
    return None


def is_flat(fit: Timescale) -> bool:
    """Tells whether the slope is none within its error, or too small to matter."""
    return abs(fit.rate) <= max(2 * fit.rate_error, PER_STEP)


def timescale_text(fit: Timescale | None) -> str:
    """Says what `fit_timescale_of` found, with its error and the distances that it holds for."""
    if fit is None:
        return "no exponential"
    where = f"(k = {fit.first_distance:.0f} to {fit.last_distance:.0f})"
    if abs(fit.rate) < PER_STEP:
        return f"flat to 10⁻⁵ per step {where}"
    if is_flat(fit):
        return f"flat within error {where}"
    digits = 1 if fit.timescale_error < 10 else 0
    error = f" ± {max(fit.timescale_error, 0.1):.{digits}f}" if fit.timescale_error > 0 else ""
    sign = "τ =" if fit.rate < 0 else "grows, τ ="
    return f"{sign} {abs(fit.timescale):.{digits}f}{error} {where}"


def _fit(distance: np.ndarray, curves: np.ndarray) -> Timescale:
    axis = 1 if curves.shape[1] > 1 else None
    return fit_timescale(distance, curves, independent_axis=axis)  # pyright: ignore[reportArgumentType]


def _line(distance: np.ndarray, curves: np.ndarray) -> Timescale:
    """Fits every curve beyond the transient by one line; NaN where one curve alone cannot tell the error of that."""
    inside = slice(TRANSIENT, len(curves))
    slopes = np.array([_slope(distance[inside], curve[inside]) for curve in curves.T])
    rate, count = float(slopes.mean()), len(slopes)
    error = float(slopes.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan
    rate = rate if count > 1 else math.nan
    scale = (-1 / rate, error / rate**2) if rate else (math.inf, math.inf)
    return Timescale(
        rate, error, *scale, math.nan, TRANSIENT, len(curves) - 1, len(curves) - TRANSIENT, count, "exponential"
    )


def _is_straight(fit: Timescale, curves: np.ndarray) -> bool:
    """Tells whether the mean curve has about the same slope in both halves of the range of the fit."""
    first, last = int(fit.first_distance), int(fit.last_distance)
    middle, mean = (first + last) // 2, curves.mean(1)
    early, late = (
        _slope(np.arange(begin, end + 1), mean[begin : end + 1]) for begin, end in ((first, middle), (middle, last))
    )
    return bool(abs(late - early) <= max(STEADY * abs(fit.rate), STRAIGHT / (last - first)))


def _slope(distance: np.ndarray, curve: np.ndarray) -> float:
    """Returns the slope by least squares, over the distances where the curve is finite."""
    there = np.isfinite(curve)
    return float(np.polyfit(distance[there], curve[there], 1)[0]) if there.sum() > 1 else math.nan
