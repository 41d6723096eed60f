"""The curse of memory against published values."""

import numpy as np
import pytest

from recurrax.gradflow import theory


@pytest.mark.parametrize(
    ("weight", "correlation", "state", "slope"),
    [(0.9, 0.0, 5.263, 263.9), (0.9, 0.9, 50.14, 3757), (0.99, 0.0, 50.25, 2.513e5), (0.99, 0.9, 871.8, 4.738e6)],
)
def test_the_closed_form_has_the_published_values(weight, correlation, state, slope):
    """Of the notebook of Zucchet & Orvieto (2024)."""
    np.testing.assert_allclose(theory.linear_unit_sensitivity(weight, correlation), (state, slope), rtol=5e-4)


@pytest.mark.parametrize("arguments", [{"weight": 1.0}, {"weight": 0.5, "correlation": -1.5}])
def test_a_unit_that_does_not_forget_has_none(arguments):
    with pytest.raises(ValueError, match="must lie between -1 and 1"):
        theory.linear_unit_sensitivity(**arguments)
