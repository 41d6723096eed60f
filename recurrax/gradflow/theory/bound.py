"""The bound from singular values on what comes back through a recurrent network."""

from typing import Any

import numpy as np
from jaxtyping import Float

from recurrax.gradflow.theory._checks import finite_array, not_negative


def jacobian_log_norm_bound(
    recurrent_matrix: Any, distance: Any, greatest_slope: float = 1.0
) -> Float[np.ndarray, "..."]:
    """Returns the bound on ln ||dh_t / dh_{t-k}|| of h_t = phi(h_{t-1} U + ...), in nats (Pascanu et al. 2013).

        ||dh_t / dh_{t-k}|| <= (gamma sigma_1)^k          gamma = sup |phi'|,  sigma_1 = ||U||

    Equations 6 and 7: gradients vanish where sigma_1 < 1 / gamma, whatever the inputs. The converse does not hold: a
    bound above 1 says nothing.

    >>> float(jacobian_log_norm_bound([[0.5, 0.0], [0.0, 0.2]], 3).round(3))
    -2.079

    Args:
      recurrent_matrix: U, `[H, H]`.
      distance: k, steps.
      greatest_slope: gamma: 1 for tanh, 1/4 for the sigmoid.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or negative where it must not be.
    """
    matrix, distance = finite_array("recurrent_matrix", recurrent_matrix), finite_array("distance", distance)
    not_negative("greatest_slope", greatest_slope)
    if matrix.ndim != 2:
        raise ValueError(f"recurrent_matrix must have 2 axes, got shape {matrix.shape}.")
    if np.any(distance < 0):
        raise ValueError(f"distance must be at least 0, got {distance.min()}.")
    factor = greatest_slope * np.linalg.norm(matrix, 2)
    if factor == 0:
        return np.where(distance > 0, -np.inf, 0.0)
    return distance * np.log(factor)
