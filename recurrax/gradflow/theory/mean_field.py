"""Mean-field theory of wide random networks under random input."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy  # whose parts are imported where they are used: they take longer than all of recurrax

from recurrax._util import checks
from recurrax.gradflow._numerics.gaussian_averages import average, mean_square, mean_squared_slope
from recurrax.gradflow.theory._checks import not_negative


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
    not_negative("weight_variance", weight_variance)
    not_negative("input_variance", input_variance)
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
    not_negative("input_variance", input_variance)
    if input_variance == 0:
        return 1.0

    # Any q is the fixed point of a critical network, with sw2 = 1 / E[(1 - tanh^2)^2] and one s2, which grows with q.
    def excess(q):
        return q - mean_square(q) / mean_squared_slope(q) - input_variance

    upper = 1.0
    while excess(upper) < 0:
        upper *= 2
    return 1.0 / mean_squared_slope(_root(excess, 0.0, upper))


class MinimalMeanField(NamedTuple):
    """What wide random minimalRNNs do to their signals and gradients."""

    q: float
    """Variance of the gate's pre-activations, without its bias."""
    state_variance: float
    """Q, the mean square of a unit's state."""
    chi: float
    """Factor per step of the gradient's mean square, the mean squared singular value of the Jacobian of a step."""


def mean_field_minimal_rnn(
    weight_variance: float, input_weight_variance: float, input_variance: float, gate_bias: float = 0.0
) -> MinimalMeanField:
    """Returns the mean-field theory of the random minimalRNN (Chen, Pennington & Schoenholz 2018).

        h_t = u h_{t-1} + (1 - u) n_t         u = sigmoid(W h_{t-1} + V n_t + mu)        n_t ~ N(0, R)
        q   = sw2 Q + sv2 R                   a ~ N(mu, q),  u = sigmoid(a)
        Q   = E[u^2] Q + E[(1 - u)^2] R
        chi = E[u^2] + sw2 (Q + R) E[u'^2]

    Their critical point is sw = 6.88, sv = 1.39, R = 0.46, mu = 0.

    >>> field = mean_field_minimal_rnn(6.88**2, 1.39**2, 0.46)
    >>> round(field.chi, 4), round(field.q, 2), round(field.state_variance, 4)
    (0.9988, 15.94, 0.3179)

    Args:
      weight_variance: sw2, the variance of an entry of W times N.
      input_weight_variance: sv2, likewise of V.
      input_variance: R, the variance of a component of n_t.
      gate_bias: mu.

    Raises:
      TypeError, ValueError: an argument is no number, not finite, or a variance negative.
    """
    not_negative("weight_variance", weight_variance)
    not_negative("input_weight_variance", input_weight_variance)
    not_negative("input_variance", input_variance)
    checks.finite("gate_bias", gate_bias)

    def mean(function, q):
        return average(lambda a: function(scipy.special.expit(a)), q, gate_bias)

    def state(q):
        return input_variance * mean(lambda u: (1 - u) ** 2, q) / (1 - mean(np.square, q))

    def excess(q):
        return weight_variance * state(q) + input_weight_variance * input_variance - q

    upper = input_weight_variance * input_variance + weight_variance * input_variance + 1.0
    while excess(upper) > 0:
        upper *= 2
    q = _root(excess, 0.0, upper) if excess(0.0) > 0 else 0.0
    variance = state(q)
    slope = mean(lambda u: (u * (1 - u)) ** 2, q)
    chi = mean(np.square, q) + weight_variance * (variance + input_variance) * slope
    return MinimalMeanField(float(q), float(variance), float(chi))


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
