"""Where the eigenvalues of a gated network's Jacobian lie (Can, Krishnamurthy & Schwab 2020), for many units.

A Jacobian with independent Gaussian matrices W_ij ~ N(0, g^2 / N) has its eigenvalues where random differences grow in
mean square. Both functions below return, for a point of the plane, the largest eigenvalue of that growth: above 1
inside of the support, 1 on its edge, below 1 outside. Averages are over units, of gates that were measured or drawn.
Source: "Gating creates slow modes and controls phase-space complexity in GRUs and LSTMs", MSML 2020.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy  # whose parts are imported where they are used: they take longer than all of recurrax
from jaxtyping import Float

from recurrax.gradflow.theory._checks import finite_array, not_negative


def gated_unit_support(points: Any, h: Any, r: Any, z: Any, n: Any, gain: float) -> Float[np.ndarray, "..."]:
    """Returns the growth at points of the plane for a gated recurrent unit that resets before its product.

        r, z = sigmoid(U h + ...)      n = tanh(U (r h) + ...)      h_t = (1 - z) h + z n
        J = 1 - z + z n' U_n (r + h r' U_r) + (n - h) z' U_z
        d = |lambda - (1 - z)|^2;  a = g^2 (z n')^2;  b = g^2 ((n - h) z')^2;  c = g^2 (h r')^2
        growth: the largest eigenvalue of [[<b / d>, <a / d>], [<c> + <r^2 b / d>, <r^2 a / d>]]

    Args:
      points: lambda, complex.
      h: state before the step, `[N]`.
      r: reset gate, likewise.
      z: share of the new, likewise.
      n: the new, likewise.
      gain: g of all three matrices.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or `gain` negative.
    """
    h, r, z, n = (finite_array(name, a) for name, a in (("h", h), ("r", r), ("z", z), ("n", n)))
    not_negative("gain", gain)
    a = (gain * z * (1 - n**2)) ** 2
    b = (gain * (n - h) * z * (1 - z)) ** 2
    c = np.mean((gain * h * r * (1 - r)) ** 2)

    def growth(distance, _):
        through_z, through_n = np.mean(b / distance), np.mean(a / distance)
        matrix = [[through_z, through_n], [c + np.mean(r**2 * b / distance), np.mean(r**2 * a / distance)]]
        return np.abs(np.linalg.eigvals(np.array(matrix))).max()

    return _over(points, 1 - z, growth)


def joint_cell_support(
    points: Any, before: Any, after: Any, i: Any, f: Any, g: Any, o: Any, gain: float
) -> Float[np.ndarray, "..."]:
    """Returns the growth at points of the plane for the joint state (h, c) of an LSTM.

        c_t = f c + i g      h_t = o tanh(c_t)      gates of U h + ...
        e = (o tanh'(c_t))^2 ((c f')^2 + (g i')^2 + (i g')^2)
        growth: gain^2 < e / |lambda - f|^2 + (tanh(c_t) o')^2 / |lambda|^2 >

    Args:
      points: lambda, complex, not 0.
      before: c before the step, `[N]`.
      after: c_t, likewise.
      i: input gate, likewise.
      f: forget gate, likewise.
      g: candidate, likewise.
      o: output gate, likewise.
      gain: of all four matrices, each entry's standard deviation times the root of N.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or `gain` negative.
    """
    named = (("before", before), ("after", after), ("i", i), ("f", f), ("g", g), ("o", o))
    before, after, i, f, g, o = (finite_array(name, a) for name, a in named)
    not_negative("gain", gain)
    into = (before * f * (1 - f)) ** 2 + (g * i * (1 - i)) ** 2 + (i * (1 - g**2)) ** 2
    shown = (o * (1 - np.tanh(after) ** 2)) ** 2 * into
    opened = np.mean((np.tanh(after) * o * (1 - o)) ** 2)

    def growth(distance, point):
        return gain**2 * (np.mean(shown / distance) + opened / np.abs(point) ** 2)

    return _over(points, f, growth)


def support_radius(growth: Callable[[Any], Any], kept: Any) -> float:
    """Returns the largest eigenvalue that a support has on the real axis: the spectral radius, as gates are positive.

    Args:
      growth: of a point, as the functions above give it.
      kept: what units keep, `[N]`, above which the growth falls.

    Raises:
      TypeError, ValueError: `kept` is not numeric, or not finite.
    """
    lower = float(np.max(finite_array("kept", kept))) * (1 + 1e-9) + 1e-12
    if growth(lower) <= 1:
        return lower
    upper = lower + 1
    while growth(upper) > 1:
        upper *= 2
    return float(scipy.optimize.brentq(lambda x: growth(x) - 1, lower, upper))  # pyright: ignore[reportArgumentType]


def _over(points: Any, kept: np.ndarray, growth: Callable[..., Any]) -> np.ndarray:
    points = np.asarray(points, complex)
    with np.errstate(divide="ignore"):
        distances = np.abs(points[..., None] - kept) ** 2
        flat = zip(distances.reshape(-1, len(kept)), points.ravel(), strict=True)
        values = [growth(d, p) for d, p in flat]
    return np.array(values).reshape(points.shape)
