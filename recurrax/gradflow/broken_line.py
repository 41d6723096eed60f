"""Where a curve is straight: a continuous broken line through it, with as many bends as the noise lets one see."""

import itertools
import math
from typing import NamedTuple

import numpy as np

RESOLUTION = 1e-6
"""Deviations below this share of a curve's standard deviation are rounding, not shape."""


def straight_stretch(k: np.ndarray, y: np.ndarray, transient: float) -> tuple[int, int, bool]:
    """Returns the first and last index of the first straight stretch of y, and whether y bends anywhere.

    That is the first piece longer than `transient`, or the longest if none is. What ends in a bend loses its last
    quarter, since bends are seldom sharp.

    Of the broken lines with 0 to 3 bends, the one is taken that has the least

        n ln(RSS / (n - 2 - 2 bends)) + 3 ln(n) bends

    RSS is that of the innovations, for noise as autocorrelated as what the most flexible of them leaves over. The
    factor 3, in place of 2 for the two parameters of a bend, is what a search over positions asks for (Zhang & Siegmund
    2007).

    Args:
      k: distances, ascending `[K]`.
      y: the curve `[K]`, all finite.
      transient: in units of k.
    """
    every = -(-len(k) // _SEARCH_POINTS)
    x, z = (k[::every] - k[0]) / (k[-1] - k[0]), y[::every] - y[0]
    n, floor = len(x), len(x) * (RESOLUTION * z.std()) ** 2 + np.finfo(float).tiny
    flexible = _broken_lines(x, z, 0.0)[-1]
    phi = autocorrelation(_residual(_broken_line(x, flexible.bends), z), parameters=2 + 2 * len(flexible.bends))
    best = min(
        _broken_lines(x, z, phi),
        key=lambda f: n * math.log((f.rss + floor) / (n - 2 - 2 * len(f.bends))) + 3 * math.log(n) * len(f.bends),
    ).bends
    edges = [0, *(every * bend for bend in sorted(best)), len(k) - 1]
    pieces = list(itertools.pairwise(edges))
    longer = [piece for piece in pieces if k[piece[1]] - k[piece[0]] > transient]
    first, last = longer[0] if longer else max(pieces, key=lambda piece: k[piece[1]] - k[piece[0]])
    if last < len(k) - 1:
        last -= (last - first) // 4
    return first, last, bool(best)


_SEARCH_POINTS = 400
"""A longer curve is thinned evenly while its bends are sought."""
_SHORTEST = 4
"""Points from one bend to the next and to the far end; a transient at the near end may be shorter."""


class _BrokenLine(NamedTuple):
    bends: list[int]
    """Indices where the slope changes."""
    rss: float
    """Sum of squares that it leaves over."""


def _broken_lines(x: np.ndarray, y: np.ndarray, phi: float) -> list[_BrokenLine]:
    """Returns the best broken lines with 0 to 3 bends, or as many as there is room for.

    Each bend is added where it helps most, given those before it.
    """
    y = whitened(y, phi)
    lines = [_BrokenLine([], _sum_of_squares(_residual(whitened(_broken_line(x, []), phi), y)))]
    for count in (1, 2, 3):
        if len(x) < 3 + 2 * count:
            break
        line = _with_one_more(x, y, phi, lines[-1].bends)
        if line is None:
            break
        lines.append(line)
    return lines


def _with_one_more(x: np.ndarray, y: np.ndarray, phi: float, bends: list[int]) -> _BrokenLine | None:
    """Returns the best broken line that has one bend more than `bends`, or None where there is no room for it."""
    n = len(x)
    free = np.ones(n, bool)
    free[0] = False
    free[n - _SHORTEST :] = False
    for bend in bends:
        free[max(bend - _SHORTEST + 1, 0) : bend + _SHORTEST] = False
    candidates = np.flatnonzero(free)
    if not len(candidates):
        return None
    basis = whitened(_broken_line(x, bends), phi)
    residual = _residual(basis, y)
    hinges = _residual(basis, whitened(np.maximum(x[:, None] - x[candidates], 0), phi))
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
    """Returns what least squares with the columns of `basis` leaves over of y, a vector or columns."""
    u, singular_values, _ = np.linalg.svd(basis, full_matrices=False)
    u = u[:, singular_values > 1e-12 * singular_values[0]]
    return y - u @ (u.T @ y)


def whitened(a: np.ndarray, phi: float) -> np.ndarray:
    """Returns a_j - phi a_{j-1}, which makes noise u_j = phi u_{j-1} + e_j white; the first row has its own weight."""
    return np.concatenate([math.sqrt(1 - phi**2) * a[:1], a[1:] - phi * a[:-1]])


def autocorrelation(u: np.ndarray, parameters: int) -> float:
    """Returns phi of residuals u_j = phi u_{j-1} + e_j: between 0 and 1, and exactly 1 where it cannot be told from 1.

    A fit of p parameters has followed the noise, and its residuals have too small a phi: in simulations by about
    p (1.25 + 3.25 phi) / n. After the correction, what lies within sqrt(p / 2n) of a random walk is taken for one
    (after Perron & Yabu 2009), as is what is too short to tell.
    """
    n, p = len(u), parameters
    if n < 5 * p:
        return 1.0
    before = u[:-1] @ u[:-1]
    phi = (n * (u[1:] @ u[:-1]) / before + 1.25 * p) / (n - 3.25 * p) if before > 0 else 0.0
    return 1.0 if phi > 1 - math.sqrt(p / (2 * n)) else float(max(phi, 0.0))
