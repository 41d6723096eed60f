"""Averages over a normal variable, of the functions that mean-field theory needs."""

from collections.abc import Callable

import numpy as np

# E[f(z)], z ~ N(0, 1), by the trapezoidal rule. The poles of tanh(sqrt(q) z) approach the real axis as q grows; the
# rule gives all digits up to q of about 7e4, where 100 Gauss-Hermite nodes lose the fourth digit at q of 3.
_Z = np.linspace(-10.0, 10.0, 20_001)
_DENSITY = np.exp(-0.5 * _Z**2)
_DENSITY /= _DENSITY.sum()


def mean_square(q: float) -> float:
    """Returns E[tanh(sqrt(q) z)^2], z ~ N(0, 1)."""
    return float(_DENSITY @ np.tanh(np.sqrt(q) * _Z) ** 2)


def mean_squared_slope(q: float) -> float:
    """Returns E[tanh'(sqrt(q) z)^2], z ~ N(0, 1)."""
    return float(_DENSITY @ (1.0 - np.tanh(np.sqrt(q) * _Z) ** 2) ** 2)


def average(function: Callable[[np.ndarray], np.ndarray], q: float, mean: float = 0.0) -> float:
    """Returns E[f(mean + sqrt(q) z)], z ~ N(0, 1), for an f with poles as far away as those of tanh."""
    return float(_DENSITY @ function(mean + np.sqrt(q) * _Z))
