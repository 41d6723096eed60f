"""How near a step's Jacobian is to an isometry: mean and variance of its squared singular values."""

from typing import Any, NamedTuple

import numpy as np

from recurrax.gradflow._numerics.gaussian_averages import average
from recurrax.gradflow.theory._checks import finite_array, not_negative
from recurrax.gradflow.theory.mean_field import mean_field_minimal_rnn, mean_field_tanh


class Isometry(NamedTuple):
    """Squared singular values of the Jacobian J of a step, over the N of them."""

    chi: float
    """Their mean, tr(J J^T) / N: the growth of a squared gradient norm."""
    variance: float
    """Their variance, tr((J J^T)^2) / N - chi^2; 0 for an isometry up to scale."""

    def relative_variance(self, steps: int) -> float:
        """Returns the variance over the squared mean of a product of so many steps that are free of one another."""
        return steps * self.variance / self.chi**2


def isometry_of_step(diagonal: Any, row_scale: Any, weight_variance: float) -> Isometry:
    """Returns the isometry of J = diag(a) + diag(b) W with independent Gaussian W_ij ~ N(0, s / N), for many units.

        chi      = <a^2> + s <b^2>
        variance = <a^4> - <a^2>^2 + 2 s <a^2 b^2> + s^2 <b^4>

    From the moments of Wishart matrices: tr(b^2 W W^T b^2 W W^T) / N = s^2 (<b^4> + <b^2>^2).

    Args:
      diagonal: a, `[N]`, what a unit keeps.
      row_scale: b, `[N]`, the slope of a unit.
      weight_variance: s.

    Raises:
      TypeError, ValueError: an argument is not numeric, not finite, or `weight_variance` negative.
    """
    a2, b2 = finite_array("diagonal", diagonal) ** 2, finite_array("row_scale", row_scale) ** 2
    not_negative("weight_variance", weight_variance)
    return _isometry(a2.mean(), (a2**2).mean(), b2.mean(), (b2**2).mean(), (a2 * b2).mean(), weight_variance)


def isometry_tanh(weight_variance: float, input_variance: float, *, orthogonal: bool = False) -> Isometry:
    """Returns the isometry of the random tanh RNN of `mean_field_tanh` (Chen, Pennington & Schoenholz 2018).

        Gaussian W:    variance = sw2^2 E[phi'^4]
        orthogonal W:  variance = sw2^2 (E[phi'^4] - E[phi'^2]^2)            W W^T = sw2 I

    >>> isometry_tanh(1.0, 0.0), isometry_tanh(1.0, 0.0, orthogonal=True)
    (Isometry(chi=1.0, variance=1.0), Isometry(chi=1.0, variance=0.0))

    Args:
      weight_variance: sw2.
      input_variance: s2.
      orthogonal: whether the recurrent matrix is orthogonal, times the root of sw2.

    Raises:
      TypeError, ValueError: an argument is no number, not finite, or negative.
    """
    field = mean_field_tanh(weight_variance, input_variance)
    fourth = average(lambda a: (1 - np.tanh(a) ** 2) ** 4, field.q)
    variance = weight_variance**2 * fourth
    return Isometry(field.chi, max(variance - field.chi**2, 0.0) if orthogonal else variance)


def isometry_minimal_rnn(
    weight_variance: float, input_weight_variance: float, input_variance: float, gate_bias: float = 0.0
) -> Isometry:
    """Returns the isometry of the minimalRNN of `mean_field_minimal_rnn`, whose arguments these are.

    Raises:
      TypeError, ValueError: as `mean_field_minimal_rnn`.
    """
    field = mean_field_minimal_rnn(weight_variance, input_weight_variance, input_variance, gate_bias)

    def mean(function):
        return average(lambda a: function(1 / (1 + np.exp(-a))), field.q, gate_bias)

    r, state = input_variance, field.state_variance
    mixed = 6 * mean(lambda u: u**2 * (1 - u) ** 2) * state * r + 3 * r**2 * mean(lambda u: (1 - u) ** 4)
    state_fourth = mixed / (1 - mean(lambda u: u**4))
    gap2, gap4 = state + r, state_fourth + 6 * state * r + 3 * r**2  # of h - n, which are independent
    return _isometry(
        mean(lambda u: u**2), mean(lambda u: u**4),
        gap2 * mean(lambda u: (u * (1 - u)) ** 2), gap4 * mean(lambda u: (u * (1 - u)) ** 4),
        gap2 * mean(lambda u: u**2 * (u * (1 - u)) ** 2), weight_variance,
    )  # fmt: skip


def _isometry(a2: float, a4: float, b2: float, b4: float, a2b2: float, s: float) -> Isometry:
    return Isometry(float(a2 + s * b2), float(a4 - a2**2 + 2 * s * a2b2 + s**2 * b4))
