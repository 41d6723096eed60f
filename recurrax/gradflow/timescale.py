"""The decay rate of a gradient norm with distance, where only a stretch of the curve is exponential.

NumPy in float64 on the host. Four steps: leave out points that stand alone, find the stretch on the mean curve
(`broken_line`), fit a straight line to every curve there, and say how far to trust it.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.gradflow.broken_line import RESOLUTION, autocorrelation, straight_stretch, whitened


class Timescale(NamedTuple):
    """A straight line through a log norm: `intercept + rate * distance`, on the stretch where that holds."""

    rate: float
    """Slope, nats per step: negative where the norm falls with distance."""
    rate_error: float
    """Standard error of `rate`."""
    timescale: float
    """-1 / rate, the steps in which the norm falls to 1/e. Negative where it grows, inf where the rate is exactly 0."""
    timescale_error: float
    """rate_error / rate^2. Where it is not small against `timescale`, quote the rate, whose error is symmetric."""
    intercept: float
    """Log norm at distance 0, nats, read off the line."""
    first_distance: float
    """Where the stretch begins: past 0 if there is an initial transient."""
    last_distance: float
    """Where it ends: before the last distance if a plateau, a floor or another tail follows."""
    n: int
    """Distances in the stretch; or all usable ones, where they are too few for a fit."""
    curves: int
    """Independent curves behind `rate_error`: 1 if it comes from the scatter along a single one."""
    shape: str
    """"exponential" (one line holds throughout), "partly" (on the stretch only), or "insufficient" (no fit: NaN)."""

    def log_norm(self, distance: Any) -> Float[np.ndarray, "..."]:
        """Returns the line at `distance`, to be drawn."""
        return self.intercept + self.rate * np.asarray(distance, np.float64)


def fit_timescale(
    distance: Float[Array, "K"],
    log_norm: Float[Array, "K ..."],
    *,
    independent_axis: int | None = None,
    transient: float = 5.0,
) -> Timescale:
    """Fits the exponential decay (or growth) of a norm with distance.

    A curve may begin with a transient of a few steps, and leave the exponential for a plateau, a floor, a power law or
    a slower exponential. On the mean curve a continuous broken line of up to four pieces is found, their number by an
    information criterion that allows for correlated noise. The rate is that of the first piece that is longer than
    `transient`: the near exponential. If it ends in a bend, its last quarter is left out, since bends are seldom sharp.
    A slope that keeps changing has no one rate; the stretch that is reported then shows where this one was taken.

    The error of `rate` is
    * for several curves, the scatter of their own slopes over that stretch, divided by sqrt(curves). It covers
      whatever differs from one to the next, and has curves - 1 degrees of freedom.
    * for a single curve, that of least squares under first-order autocorrelated noise, up to a random walk (which the
      log norm of a product of random Jacobians is), after Perron & Yabu 2009.

    In simulations of straight lines under Gaussian noise (200 to 500 draws), 95 % intervals hold the true rate
    * in 93 to 97 % of all cases for 5 to 32 curves of 20 or 100 points, with Student's t for curves - 1;
    * in 95 to 97 % for a single curve under white noise, and in 93 to 96 % under phi = 0.8 from 30 points on;
    * in 76, 82, 89 and 91 % for a single random walk of 12, 30, 100 and 300 points, of which few are too few to tell
      noise from slope.

    That the end of the stretch is uncertain, above all where the bend is soft, is not part of the error.

    >>> k = np.arange(100)
    >>> fit = fit_timescale(k, np.maximum(-0.5 * k, -20.0))  # a floor from distance 40 on
    >>> round(fit.timescale, 3), fit.last_distance, fit.shape
    (2.0, 30.0, 'partly')

    Args:
      distance: steps, `[K]`, all different; best evenly spaced, since noise is taken to be correlated from one point to
        the next.
      log_norm: natural logs `[K]`, or `[K, ...]` with any axes of curves. What is not finite is left out, as are points
        that stand far away from both sides of the curve they belong to.
      independent_axis: the axis of `log_norm` along which curves are independent, if not all of them are: batch
        elements share the weights of their seed, so for `[K, seeds, batch]` give 1. Slopes are averaged over the
        others, and the error comes from this axis.
      transient: how many steps a piece may have and be passed over, as a transient, for a longer one behind it.

    Returns:
      `Timescale`, as floats. Fewer than 3 usable distances give NaN and shape "insufficient".

    Raises:
      TypeError, ValueError: an argument has a wrong type or shape, distances are repeated or not finite.
    """
    k, y = _checked(distance, log_norm, independent_axis)
    checks.finite("transient", transient)
    if transient < 0:
        raise ValueError(f"transient must be at least 0, got {transient}.")
    y = _without_outliers(k, y)
    index, curve = _mean_curve(y.reshape(len(k), math.prod(y.shape[1:])))
    if len(index) < 3:
        return _insufficient(len(index))
    first, last, bent = straight_stretch(k[index], curve, transient)
    inside = index[first : last + 1]
    slopes, intercepts = _lines(k[inside], y[inside])
    if independent_axis is not None:
        others = tuple(axis for axis in range(slopes.ndim) if axis != independent_axis - 1)
        slopes, intercepts = _mean(slopes, others), _mean(intercepts, others)
    slopes, intercepts = slopes[np.isfinite(slopes)], intercepts[np.isfinite(slopes)]
    if not slopes.size:
        return _insufficient(len(index))
    rate, intercept = float(slopes.mean()), float(intercepts.mean())
    if slopes.size > 1:
        error = float(slopes.std(ddof=1) / math.sqrt(slopes.size))
    else:
        error = _slope_error(k[inside], curve[first : last + 1])
    return Timescale(
        rate=rate,
        rate_error=error,
        timescale=-1.0 / rate if rate else math.inf,
        timescale_error=error / rate / rate if rate else math.inf,
        intercept=intercept,
        first_distance=float(k[inside[0]]),
        last_distance=float(k[inside[-1]]),
        n=len(inside),
        curves=slopes.size,
        shape="partly" if bent else "exponential",
    )


def _insufficient(n: int) -> Timescale:
    nan = math.nan
    return Timescale(nan, nan, nan, nan, nan, nan, nan, n, 0, "insufficient")


def _without_outliers(k: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns y with NaN for what is not finite and for up to two neighbouring points that stand alone.

    A point is compared with the lines between its neighbours at 1 to 5 points on either side, of which the median
    counts. It stands alone if it deviates 5 times as much as the third largest deviation around it: a bend or a steep
    tail moves several points, an outlier one or two. The first and the last 5 points are not judged, nor is a curve of
    fewer than 20.
    """
    y = np.where(np.isfinite(y), y, np.nan)
    if len(k) < 4 * _REACH:
        return y
    inner = np.arange(_REACH, len(k) - _REACH)
    column = k.reshape((-1,) + (1,) * (y.ndim - 1))

    def between_neighbours(reach: int) -> np.ndarray:
        left, right = inner - reach, inner + reach
        share = (column[inner] - column[left]) / (column[right] - column[left])
        return y[left] + share * (y[right] - y[left])

    expected = np.median([between_neighbours(reach) for reach in range(1, _REACH + 1)], axis=0)
    deviation = np.zeros_like(y)
    deviation[inner] = np.nan_to_num(np.abs(y[inner] - expected))
    around = np.partition([deviation[inner + offset] for offset in range(-_REACH, _REACH + 1)], -3, axis=0)[-3]
    spread = np.sqrt(_mean((y - _mean(y, (0,))) ** 2, (0,)))
    threshold = np.maximum(5 * around, RESOLUTION * spread)
    y[inner] = np.where(deviation[inner] > threshold, np.nan, y[inner])
    return y


_REACH = 5


def _mean(a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Returns the mean over the finite entries, NaN where there are none."""
    finite = np.isfinite(a)
    n = finite.sum(axes)
    return np.where(finite, a, 0).sum(axes) / np.where(n > 0, n, np.nan)


def _mean_curve(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of the distances that can be used, and the mean curve over them.

    The mean is taken over increments, so that a curve that breaks off (at an exact zero, or a short sequence) changes
    its slope and never its level.
    """
    index = np.flatnonzero(np.isfinite(y).any(1))
    if not len(index):
        return index, np.empty(0)
    steps = _mean(np.diff(y[index], axis=0), (1,))
    gaps = np.flatnonzero(~np.isfinite(steps))
    end = gaps[0] + 1 if len(gaps) else len(index)
    level = _mean(y[index[:1]], (1,))
    return index[:end], np.cumsum(np.concatenate([level, steps[: end - 1]]))


def _lines(k: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns slope and intercept of every curve by least squares, NaN where it has fewer than 3 points."""
    finite = np.isfinite(y)
    n = finite.sum(0)
    n = np.where(n >= 3, n, np.nan)
    k = np.broadcast_to(k.reshape((-1,) + (1,) * (y.ndim - 1)), y.shape)
    mean_k, mean_y = (np.where(finite, a, 0).sum(0) / n for a in (k, y))
    centred = np.where(finite, k - mean_k, 0)
    slope = (centred * np.where(finite, y - mean_y, 0)).sum(0) / np.where(np.isnan(n), np.nan, (centred**2).sum(0))
    return slope, mean_y - slope * mean_k


def _slope_error(k: np.ndarray, y: np.ndarray) -> float:
    """Returns the standard error of the least-squares slope under autocorrelated noise."""
    n = len(k)
    c = (k - k.mean()) / ((k - k.mean()) ** 2).sum()
    u = y - y.mean() - (c @ y) * (k - k.mean())
    phi = autocorrelation(u, parameters=2)
    innovations = whitened(u, phi)
    # The slope weighs u by c, hence innovation j by d_j = c_j + phi d_{j+1}, the first by d_0 / sqrt(1 - phi^2).
    d = np.array(list(itertools.accumulate(c[::-1], lambda later, now: now + phi * later)))[::-1]
    weight = (d[1:] ** 2).sum() + (d[0] ** 2 / (1 - phi**2) if phi < 1 else 0.0)
    return math.sqrt(weight * (innovations @ innovations) / (n - 2))


def _checked(distance: Any, log_norm: Any, independent_axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns both as float64, in the order of distance."""
    k, y = _as_float64("distance", distance), _as_float64("log_norm", log_norm)
    if k.ndim != 1:
        raise ValueError(f"distance must have one axis, [K], got shape {k.shape}.")
    if y.ndim < 1 or y.shape[0] != len(k):
        raise ValueError(f"log_norm must begin with the {len(k)} distances, [K, ...], got shape {y.shape}.")
    if not np.isfinite(k).all():
        raise ValueError("distance must be finite.")
    if len(np.unique(k)) < len(k):
        raise ValueError("distance must not repeat a value; put curves along further axes of log_norm.")
    if independent_axis is not None:
        if isinstance(independent_axis, bool) or not isinstance(independent_axis, int):
            raise TypeError(f"independent_axis must be an integer, got {independent_axis!r}.")
        if not 1 <= independent_axis < y.ndim:
            raise ValueError(
                f"independent_axis must be an axis of log_norm, 1 to {y.ndim - 1}, got {independent_axis}; axis 0 is "
                "distance."
            )
    order = np.argsort(k)
    return k[order], y[order]


def _as_float64(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numeric, got {value!r}.") from None
