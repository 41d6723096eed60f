"""The decay rate of a gradient norm with distance, where only a stretch of the curve is exponential.

NumPy in float64 on the host. Four steps: leave out points that stand alone, find the stretch on the mean curve by a
broken line, fit a straight line to every curve there, and say how far to trust it.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from recurrax import checks


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

    A curve may begin with a transient of a few steps, and leave the exponential for a plateau, a power law or a slower
    exponential. On the mean curve a continuous broken line of at most four pieces is found, their number by an
    information criterion that allows for correlated noise; a bend within `transient` steps ends the transient, and the
    line is fitted from there to the next bend: the near exponential. A slope that keeps changing has no one rate; the
    stretch that is reported then shows where the rate was taken.

    The error of `rate` is
    * for several curves, the scatter of their own slopes over that stretch, divided by sqrt(curves). It covers
      whatever differs from one to the next, and has curves - 1 degrees of freedom.
    * for a single curve, that of least squares under first-order autocorrelated noise, up to a random walk (which the
      log norm of a product of random Jacobians is), after Perron & Yabu 2009.

    Measured on straight lines under Gaussian noise, +- 1.96 errors hold the true rate in COVERAGE. The choice of the
    stretch is not part of the error.

    >>> k = np.arange(100)
    >>> fit = fit_timescale(k, np.maximum(-0.5 * k, -20.0))  # a floor from distance 40 on
    >>> round(fit.timescale, 3), fit.last_distance, fit.shape
    (2.0, 40.0, 'partly')

    Args:
      distance: steps, `[K]`, all different; best evenly spaced, since noise is taken to be correlated from one point to
        the next.
      log_norm: natural logs `[K]`, or `[K, ...]` with any axes of curves. What is not finite is left out, as are points
        that stand far away from both sides of the curve they belong to.
      independent_axis: the axis of `log_norm` along which curves are independent, if not all of them are: batch
        elements share the weights of their seed, so for `[K, seeds, batch]` give 1. Slopes are averaged over the
        others, and the error comes from this axis.
      transient: longest initial transient to look for, steps; 0 for none.

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
    index, curve = _mean_curve(y.reshape(len(k), -1))
    if len(index) < 3:
        return _insufficient(len(index))
    first, last, bent = _stretch(k[index], curve, transient)
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
        timescale_error=error / rate**2 if rate else math.inf,
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

    A point is compared with the lines between its neighbours at 1, 2 and 3 points on either side, of which the median
    counts. It stands alone if it deviates 5 times as much as is usual on its curve, and 4 times as much as the third
    largest deviation around it: a bend or a steep tail moves several points, an outlier one or two.
    """
    y = np.where(np.isfinite(y), y, np.nan)
    if len(k) < 9:
        return y
    weight = _trailing(np.stack([(k[3:-3] - k[3 - i : -3 - i]) / (k[3 + i : len(k) - 3 + i] - k[3 - i : -3 - i]) for i in (1, 2, 3)]), y.ndim)
    left, right = (np.stack([y[3 + s * i : len(k) - 3 + s * i] for i in (1, 2, 3)]) for s in (-1, 1))
    deviation = np.zeros_like(y)
    deviation[3:-3] = np.nan_to_num(np.abs(y[3:-3] - np.median(left + weight * (right - left), axis=0)))
    usual = np.median(deviation[3:-3], axis=0) / 0.6745
    padded = np.pad(deviation, [(3, 3)] + [(0, 0)] * (y.ndim - 1))
    around = np.sort(np.stack([padded[i : i + len(k)] for i in range(7)]), axis=0)[-3]
    threshold = np.maximum(np.maximum(5 * usual, 4 * around), _RESOLUTION * _spread(y))
    return np.where(deviation > threshold, np.nan, y)


_RESOLUTION = 1e-6
"""Deviations below this share of a curve's standard deviation are rounding, not shape."""


def _spread(y: np.ndarray) -> np.ndarray:
    """Returns the standard deviation of each curve over its finite points."""
    finite = np.isfinite(y)
    n = np.maximum(finite.sum(0), 1)
    mean = np.where(finite, y, 0).sum(0) / n
    return np.sqrt((np.where(finite, y - mean, 0) ** 2).sum(0) / n)


def _mean(a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Returns the mean over the finite entries, NaN where there are none."""
    finite = np.isfinite(a)
    n = finite.sum(axes)
    return np.where(finite, a, 0).sum(axes) / np.where(n > 0, n, np.nan)


def _trailing(a: np.ndarray, ndim: int) -> np.ndarray:
    """Returns `[3, K]` weights broadcast against `[3, K, ...]`."""
    return a.reshape(a.shape + (1,) * (ndim - 1))


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


def _stretch(k: np.ndarray, y: np.ndarray, transient: float) -> tuple[int, int, bool]:
    """Returns the first and last index of the near exponential, and whether the line bends anywhere.

    Of the broken lines with 0 to 3 bends, the one is taken that has the least

        n ln(RSS / (n - 2 - 2 bends)) + 3 ln(n) bends

    RSS is that of the innovations under the noise that the most flexible of them leaves. The factor 3 (in place of 2 for
    the two parameters of a bend) is what a search over positions asks for (Zhang & Siegmund 2007).
    """
    every = -(-len(k) // _SEARCH_POINTS)
    x, z = (k[::every] - k[0]) / (k[-1] - k[0]), y[::every] - y[0]
    early = int(np.searchsorted(k[::every] - k[0], transient, side="right")) - 1
    n, floor = len(x), len(x) * (_RESOLUTION * z.std()) ** 2 + np.finfo(float).tiny
    flexible = _broken_lines(x, z, 0.0, early)[-1]
    phi = _autocorrelation(_residual(_broken_line(x, flexible.bends), z), parameters=2 + 2 * len(flexible.bends))
    best = min(
        _broken_lines(x, z, phi, early),
        key=lambda f: n * math.log((f.rss + floor) / (n - 2 - 2 * len(f.bends))) + 3 * math.log(n) * len(f.bends),
    ).bends
    first = max((b for b in best if b <= early), default=0)
    last = min((b for b in best if b > early), default=None)
    return first * every, len(k) - 1 if last is None else last * every, bool(best)


_SEARCH_POINTS = 400
"""A longer curve is thinned evenly while its bends are sought."""
_SHORTEST = 4
"""Points from one bend to the next; one bend may lie closer to the near end, where it ends a transient."""


class _BrokenLine(NamedTuple):
    bends: list[int]
    rss: float


def _broken_lines(x: np.ndarray, y: np.ndarray, phi: float, early: int) -> list[_BrokenLine]:
    """Returns the best broken lines with 0 to 3 bends, or as many as there is room for.

    A bend is added where it helps most, and then each one is placed anew, given the others.
    """
    y = _whitened(y, phi)
    lines = [_BrokenLine([], _sum_of_squares(_residual(_whitened(_broken_line(x, []), phi), y)))]
    for count in (1, 2, 3):
        if len(x) < 3 + 2 * count:
            break
        line = _with_one_more(x, y, phi, lines[-1].bends, early)
        for _ in range(count if count > 1 else 0):
            line = line and _with_one_more(x, y, phi, line.bends[1:], early)
        if line is None:
            break
        lines.append(line)
    return lines


def _with_one_more(x: np.ndarray, y: np.ndarray, phi: float, bends: list[int], early: int) -> _BrokenLine | None:
    """Returns the best broken line that has one bend more than `bends`, or None where there is no room for it."""
    n = len(x)
    free = np.ones(n, bool)
    free[0] = False
    free[n - _SHORTEST :] = False
    free[early + 1 : _SHORTEST] = False
    for bend in bends:
        free[max(bend - _SHORTEST + 1, 0) : bend + _SHORTEST] = False
        if bend <= early:
            free[: early + 1] = False
    candidates = np.flatnonzero(free)
    if not len(candidates):
        return None
    basis = _whitened(_broken_line(x, bends), phi)
    residual = _residual(basis, y)
    hinges = _residual(basis, _whitened(np.maximum(x[:, None] - x[candidates], 0), phi))
    gain = (hinges.T @ residual) ** 2 / (hinges**2).sum(0)
    chosen = int(np.argmax(gain))
    rest = residual - hinges[:, chosen] * (hinges[:, chosen] @ residual) / (hinges[:, chosen] ** 2).sum()
    return _BrokenLine([*bends, int(candidates[chosen])], _sum_of_squares(rest))


def _broken_line(x: np.ndarray, bends: list[int]) -> np.ndarray:
    """Returns the columns 1, x and one hinge max(x - bend, 0) per bend."""
    return np.stack([np.ones_like(x), x, *(np.maximum(x - x[b], 0) for b in bends)], axis=1)


def _sum_of_squares(a: np.ndarray) -> float:
    return float(a @ a)


def _residual(basis: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns what least squares with the columns of `basis` leave of y (a vector, or columns)."""
    q = np.linalg.svd(basis, full_matrices=False)
    q = q[0][:, q[1] > 1e-12 * q[1][0]]
    return y - q @ (q.T @ y)


def _whitened(a: np.ndarray, phi: float) -> np.ndarray:
    """Returns a_j - phi a_{j-1}, which makes noise u_j = phi u_{j-1} + e_j white; the first row has its own weight."""
    return np.concatenate([math.sqrt(1 - phi**2) * a[:1], a[1:] - phi * a[:-1]])


def _autocorrelation(u: np.ndarray, parameters: int) -> float:
    """Returns phi of residuals u_j = phi u_{j-1} + e_j: between 0 and 1, and exactly 1 where it may be.

    The fit that left these residuals has followed the noise, and phi comes out too small: by about
    p (1.25 + 3.25 phi) / n for p parameters, measured by simulation. After the correction, what lies within 1 / sqrt(n)
    of a random walk is taken for one (Perron & Yabu 2009), as is what is too short to tell.
    """
    n, p = len(u), parameters
    if n < 5 * p:
        return 1.0
    before = u[:-1] @ u[:-1]
    phi = (n * (u[1:] @ u[:-1]) / before + 1.25 * p) / (n - 3.25 * p) if before > 0 else 0.0
    return 1.0 if phi > 1 - n**-0.5 else max(phi, 0.0)


def _lines(k: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns slope and intercept of every curve by least squares, NaN where it has fewer than 3 points."""
    finite = np.isfinite(y)
    n = finite.sum(0)
    n = np.where(n >= 3, n, np.nan)
    k = np.broadcast_to(k.reshape((-1,) + (1,) * (y.ndim - 1)), y.shape)
    mean_k, mean_y = (np.where(finite, a, 0).sum(0) / n for a in (k, y))
    centred = np.where(finite, k - mean_k, 0)
    slope = (centred * np.where(finite, y - mean_y, 0)).sum(0) / (centred**2).sum(0)
    return slope, mean_y - slope * mean_k


def _slope_error(k: np.ndarray, y: np.ndarray) -> float:
    """Returns the standard error of the least-squares slope under noise u_j = phi u_{j-1} + e_j."""
    n = len(k)
    c = (k - k.mean()) / ((k - k.mean()) ** 2).sum()
    u = y - y.mean() - (c @ y) * (k - k.mean())
    phi = _autocorrelation(u, parameters=2)
    innovations = _whitened(u, phi)
    # The slope weighs noise by c, hence innovation j by d_j = c_j + phi d_{j+1}; the first counts 1 / (1 - phi^2) times.
    d = np.array(list(itertools.accumulate(c[::-1], lambda later, now: now + phi * later)))[::-1]
    weight = (d[1:] ** 2).sum() + (d[0] ** 2 / (1 - phi**2) if phi < 1 else 0.0)
    return math.sqrt(weight * (innovations @ innovations) / (n - 2))


def _checked(distance: Any, log_norm: Any, independent_axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns both as float64, in the order of distance."""
    k, y = np.asarray(distance, np.float64), np.asarray(log_norm, np.float64)
    if k.ndim != 1:
        raise ValueError(f"distance must have one axis, [K], got shape {k.shape}.")
    if y.ndim < 1 or y.shape[0] != len(k):
        raise ValueError(f"log_norm must begin with the {len(k)} distances, [K, ...], got shape {y.shape}.")
    if not np.isfinite(k).all():
        raise ValueError("distance must be finite.")
    if len(np.unique(k)) < len(k):
        raise ValueError("distance must not repeat a value; put curves along further axes of log_norm.")
    if independent_axis is not None and (
        isinstance(independent_axis, bool) or not isinstance(independent_axis, int) or not 1 <= independent_axis < y.ndim
    ):
        raise ValueError(f"independent_axis must be an axis of log_norm, 1 to {y.ndim - 1}, got {independent_axis!r}.")
    order = np.argsort(k)
    return k[order], y[order]
