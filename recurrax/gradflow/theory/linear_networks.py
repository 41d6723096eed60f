"""Linear networks and products of random matrices, where all is exact."""

from typing import Any

import numpy as np
import scipy  # whose parts are imported where they are used: they take longer than all of recurrax
from jaxtyping import Float

from recurrax._util import checks
from recurrax.gradflow.theory._checks import finite_array, not_negative


def linear_rnn_log_norm(spectral_radius: float, distance: Any) -> Float[np.ndarray, "..."]:
    """Returns k ln(rho), the log norm that k steps of a linear RNN leave of a gradient, relative to the first, in nats.

    Exact for a scaled orthogonal matrix; for a normal matrix, exact for the leading direction and an upper bound for
    the others; else the slope that is approached at large k, after a rise which can be large (Pascanu et al. 2013:
    rho < 1 suffices for gradients to vanish in the end, rho > 1 is necessary for them to explode).

    Args:
      spectral_radius: rho, the largest modulus of an eigenvalue of the recurrent matrix, at least 0.
      distance: k, steps, at least 0.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or negative.
    """
    not_negative("spectral_radius", spectral_radius)
    distance = finite_array("distance", distance)
    if np.any(distance < 0):
        raise ValueError(f"distance must be at least 0, got {distance.min()}.")
    if spectral_radius == 0:
        return np.where(distance > 0, -np.inf, 0.0)
    return distance * np.log(spectral_radius)


def linear_rnn_log_norms(recurrent_matrix: Any, gradient: Any, steps: int) -> Float[np.ndarray, "K+1"]:
    """Returns the exact log norms of a gradient on its way back through a linear RNN, in nats.

        h_t = h_{t-1} U + ...       dL/dh_{t-1} = U dL/dh_t       ln ||U^k dL/dh_T||,  k = 0 ... steps

    Rescaled at every step: neither overflows nor underflows.

    Args:
      recurrent_matrix: U `[H, H]`, as `RNNParams.w_h` has it.
      gradient: dL/dh_T `[H]`.
      steps: how far to go back.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or has a wrong shape.
    """
    matrix, vector = finite_array("recurrent_matrix", recurrent_matrix), finite_array("gradient", gradient)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"recurrent_matrix must be square, [H, H], got shape {matrix.shape}.")
    if vector.shape != matrix.shape[:1]:
        raise ValueError(f"gradient must have shape {matrix.shape[:1]} to fit recurrent_matrix, got {vector.shape}.")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"steps must be an integer, got {steps!r} of type {type(steps).__name__}.")
    if steps < 0:
        raise ValueError(f"steps must be an integer of at least 0, got {steps}.")
    log_norms = np.full(steps + 1, -np.inf)
    log_scale = 0.0
    for k in range(steps + 1):
        norm = np.linalg.norm(vector)
        if norm == 0:
            break
        log_scale += np.log(norm)
        log_norms[k] = log_scale
        vector = matrix @ (vector / norm)
    return log_norms


def gaussian_product_spectrum(size: int, gain: float = 1.0) -> Float[np.ndarray, "N"]:
    """Returns all Lyapunov exponents of a product of independent Gaussian matrices, descending, in nats per step.

        (A_t)_ij ~ N(0, g^2 / N)        lambda_i = ln g + 1/2 [ln(2 / N) + psi((N - i + 1) / 2)],   i = 1 ... N

    psi is the digamma function. Exact for every N. Newman, "The distribution of Lyapunov exponents: exact results for
    random matrices", 1986.

    Args:
      size: N, rows of a matrix.
      gain: g; the spectral radius of one matrix for large N.

    Raises:
      TypeError, ValueError: `size` is no integer of at least 1, `gain` no number above 0.
    """
    checks.positive_int("size", size)
    checks.positive("gain", gain)
    return np.log(gain) + 0.5 * (np.log(2.0 / size) + scipy.special.digamma((size - np.arange(size)) / 2.0))
