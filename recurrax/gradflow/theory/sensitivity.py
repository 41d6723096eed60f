"""What a unit that remembers makes of a change of its weight."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from recurrax.gradflow.theory._checks import finite_array


class Sensitivity(NamedTuple):
    """What a linear unit that remembers makes of its input, and of a change of its weight."""

    state: Float[np.ndarray, "..."]
    """E[h^2]."""
    weight: Float[np.ndarray, "..."]
    """E[(dh/dlambda)^2]."""


def linear_unit_sensitivity(weight: Any, correlation: Any = 0.0) -> Sensitivity:
    """Returns how a linear unit's state, and its derivative by the weight, grow with memory: the curse of memory.

        h_t = lambda h_{t-1} + x_t              E[x_t x_{t-k}] = rho^k
        E[h^2] = (1 + rho lambda) / ((1 - rho lambda) (1 - lambda^2))
        E[(dh/dlambda)^2] = [(1 + lambda^2) (1 - lambda^2 rho^2) + 2 (1 - lambda^2) lambda rho]
                            / [(1 - lambda^2)^3 (1 - lambda rho)^2]

    Gradients that do not vanish are not all that is needed: as lambda goes to 1 the second grows without bound, and
    ever smaller changes of the weight do ever more (Zucchet & Orvieto 2024).

    >>> linear_unit_sensitivity(0.9).weight.round(2)
    np.float64(263.89)

    Args:
      weight: lambda, in (-1, 1).
      correlation: rho, in (-1, 1), of the input.

    Raises:
      TypeError, ValueError: an argument is not numeric, or not in its range.
    """
    lam, rho = finite_array("weight", weight), finite_array("correlation", correlation)
    for name, value in (("weight", lam), ("correlation", rho)):
        if np.any(np.abs(value) >= 1):
            raise ValueError(f"{name} must lie between -1 and 1, got {value[np.abs(value) >= 1].flat[0]}.")
    rest = 1 - lam**2
    state = (1 + rho * lam) / ((1 - rho * lam) * rest)
    slope = ((1 + lam**2) * (1 - lam**2 * rho**2) + 2 * rest * lam * rho) / (rest**3 * (1 - lam * rho) ** 2)
    return Sensitivity(state, slope)
