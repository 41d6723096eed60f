"""The curse of memory against sums over the past."""

import numpy as np
import pytest

from recurrax.gradflow import theory


@pytest.mark.parametrize(("weight", "correlation"), [(0.9, 0.0), (0.9, 0.9), (-0.8, 0.7), (0.9, -0.6), (0.0, 0.5)])
def test_the_closed_form_is_the_sum_over_the_past(weight, correlation):
    """h = sum_i lambda^i x_{t-i}, dh/dlambda = sum_i i lambda^(i-1) x_{t-i}; their squares by the covariance of x."""
    i = np.arange(400)
    covariance = correlation ** np.abs(i[:, None] - i).astype(float)
    to_state, to_slope = weight ** i.astype(float), i * weight ** np.maximum(i - 1, 0).astype(float)
    expected = [a @ covariance @ a for a in (to_state, to_slope)]
    np.testing.assert_allclose(theory.linear_unit_sensitivity(weight, correlation), expected, rtol=1e-10)


@pytest.mark.parametrize("arguments", [{"weight": 1.0}, {"weight": 0.5, "correlation": -1.5}])
def test_a_unit_that_does_not_forget_has_none(arguments):
    with pytest.raises(ValueError, match="must lie between -1 and 1"):
        theory.linear_unit_sensitivity(**arguments)
