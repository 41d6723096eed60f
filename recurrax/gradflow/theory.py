"""Closed forms to draw over measured gradient flow.

Everything here is NumPy in float64 on the host, whatever JAX's precision. Logs are natural, rates are the slope of a
log norm against the distance in time, in nats per step: negative where gradients vanish.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy  # whose parts are imported where they are used: they take longer than all of recurrax
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.gradflow._numerics.gaussian_averages import mean_square, mean_squared_slope


class ForgetGate(NamedTuple):
    """How long a unit remembers whose forget gate stands still."""

    retention: Float[Array, "..."]
    """f = sigmoid(b), the share of the state that one step keeps."""
    rate: Float[Array, "..."]
    """ln f, nats per step."""
    timescale: Float[Array, "..."]
    """-1 / ln f, the steps in which the gradient falls to 1/e."""
    memory_time: Float[Array, "..."]
    """1 / (1 - f), steps; the mean age of what the state holds: about half a step more than `timescale`."""


def forget_gate(bias: Any) -> ForgetGate:
    """Returns the time scales of a forget gate that only its bias sets (Gers et al. 2000).

        f = sigmoid(b)      c_t = f c_{t-1} + ...      dc_T / dc_0 = f^T

    Exact for an LSTM without weights. The update gate of a GRU keeps 1 - z = sigmoid(-b_z): give it -b_z.

    >>> forget_gate(1.0).timescale.round(3)
    np.float64(3.192)

    Args:
      bias: b, dimensionless, any shape. Large values of either sign lose no digits.

    Returns:
      Four arrays of the shape of `bias`; times are inf where f rounds to 1 beyond what float64 can tell.

    Raises:
      TypeError, ValueError: `bias` is not numeric, or not finite.
    """
    bias = _finite_array("bias", bias)
    rate = -np.logaddexp(0.0, -bias)
    with np.errstate(divide="ignore", over="ignore"):
        return ForgetGate(scipy.special.expit(bias), rate, -1.0 / rate, 1.0 + np.exp(bias))


def forget_gate_log_norm(bias: Any, distance: Any) -> Float[np.ndarray, "..."]:
    """Returns ln(dc_T / dc_0) = T ln sigmoid(b), the constant error carousel of a weightless LSTM, in nats.

    Args:
      bias: b, dimensionless.
      distance: T, steps; broadcast against `bias`.

    Raises:
      TypeError, ValueError: an argument is not numeric, or not finite.
    """
    return _finite_array("distance", distance) * forget_gate(bias).rate


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
    _not_negative("spectral_radius", spectral_radius)
    distance = _finite_array("distance", distance)
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
    matrix, vector = _finite_array("recurrent_matrix", recurrent_matrix), _finite_array("gradient", gradient)
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


class MeanField(NamedTuple):
    """Gradient flow of a wide random network that its input drives."""

    q: float
    """q*, the variance of the pre-activations once the transient is over."""
    chi: float
    """Growth of the mean squared norm of the gradient per step back: below 1 it vanishes, above 1 it explodes."""
    rate: float
    """1/2 ln chi, nats per step: the slope of the log norm, and the leading Lyapunov exponent of the driven network."""
    timescale: float
    """-1 / rate, the steps in which the norm falls to 1/e; negative where it grows, inf at chi = 1."""
    xi: float
    """-1 / ln chi, the same for the squared norm, as the paper writes it: half of `timescale`."""


def mean_field_tanh(weight_variance: float, input_variance: float) -> MeanField:
    """Returns the mean-field theory of the random tanh RNN under i.i.d. Gaussian input (Chen et al. 2018).

        h_t = tanh(U h_{t-1} + W x_t + b)      U_ij ~ N(0, sw2 / N)      W x_t + b ~ N(0, s2)
        q*  = sw2 E[tanh(sqrt(q*) z)^2] + s2            z ~ N(0, 1)
        chi = sw2 E[(1 - tanh(sqrt(q*) z)^2)^2]

    Holds for many units, N >> k; at N = 600 simulations agree to about 2 % in chi. Chen, Pennington & Schoenholz,
    "Dynamical isometry and a mean field theory of RNNs", ICML 2018.

    >>> theory = mean_field_tanh(weight_variance=2.0, input_variance=0.1)
    >>> round(theory.q, 4), round(theory.chi, 4)
    (0.8146, 1.003)

    Args:
      weight_variance: sw2, the variance of a recurrent weight times N: the squared gain of `initializers.Gaussian`.
      input_variance: s2, the variance that input and bias give to a pre-activation: sv2 R in the paper, plus sb2.

    Returns:
      `MeanField`. Without input there may be two fixed points; it is the stable one then: q* = 0 for sw2 <= 1.

    Raises:
      TypeError, ValueError: an argument is no number, not finite, or negative.
    """
    _not_negative("weight_variance", weight_variance)
    _not_negative("input_variance", input_variance)
    q = _fixed_point(float(weight_variance), float(input_variance))
    chi = weight_variance * mean_squared_slope(q) if q else weight_variance
    with np.errstate(divide="ignore"):
        log_chi = np.log(np.float64(chi))
        xi = -1.0 / log_chi if log_chi else np.float64(np.inf)
    return MeanField(q, float(chi), float(log_chi / 2), float(2 * xi), float(xi))


def critical_weight_variance(input_variance: float) -> float:
    """Returns the weight variance sw2 at which `mean_field_tanh` has chi = 1: gradients neither vanish nor explode.

    >>> round(critical_weight_variance(input_variance=0.1), 5)
    1.98607

    Args:
      input_variance: s2, as for `mean_field_tanh`. Without input the answer is 1.

    Raises:
      TypeError, ValueError: `input_variance` is no number, not finite, or negative.
    """
    _not_negative("input_variance", input_variance)
    if input_variance == 0:
        return 1.0

    # Any q is the fixed point of a critical network, with sw2 = 1 / E[(1 - tanh^2)^2] and one s2, which grows with q.
    def excess(q):
        return q - mean_square(q) / mean_squared_slope(q) - input_variance

    upper = 1.0
    while excess(upper) < 0:
        upper *= 2
    return 1.0 / mean_squared_slope(_root(excess, 0.0, upper))


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
    lam, rho = _finite_array("weight", weight), _finite_array("correlation", correlation)
    for name, value in (("weight", lam), ("correlation", rho)):
        if np.any(np.abs(value) >= 1):
            raise ValueError(f"{name} must lie between -1 and 1, got {value[np.abs(value) >= 1].flat[0]}.")
    rest = 1 - lam**2
    state = (1 + rho * lam) / ((1 - rho * lam) * rest)
    slope = ((1 + lam**2) * (1 - lam**2 * rho**2) + 2 * rest * lam * rho) / (rest**3 * (1 - lam * rho) ** 2)
    return Sensitivity(state, slope)


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


def _fixed_point(weight_variance: float, input_variance: float) -> float:
    """Returns the stable q*. The map is concave in q, so it lies above the diagonal below q* and under it beyond."""
    if input_variance == 0 and weight_variance <= 1:
        return 0.0
    # Without input, tanh^2 x >= x^2 - 2/3 x^4 puts q* above (sw2 - 1) / (2 sw2).
    lower = input_variance or (weight_variance - 1) / (2 * weight_variance)
    upper = weight_variance + input_variance
    if weight_variance * mean_square(lower) + input_variance <= lower:
        return lower
    return _root(lambda q: weight_variance * mean_square(q) + input_variance - q, lower, upper)


def _root(function: Callable[[float], float], lower: float, upper: float) -> float:
    """Returns where `function` crosses zero between the two, to all digits."""
    return float(scipy.optimize.brentq(function, lower, upper, xtol=1e-15, rtol=np.float64(1e-14)))  # pyright: ignore[reportArgumentType]


def _not_negative(name: str, value: Any) -> None:
    checks.finite(name, value)
    if value < 0:
        raise ValueError(f"{name} must be at least 0, got {value}.")


def _finite_array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numeric, got {value!r}.") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}.")
    return array
