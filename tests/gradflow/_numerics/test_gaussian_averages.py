import numpy as np
import pytest

from recurrax.gradflow._numerics.gaussian_averages import mean_square, mean_squared_slope


@pytest.mark.parametrize("q", [1e-4, 0.5, 3.0])
def test_averages_are_those_of_gauss_hermite_quadrature(q):
    z, w = np.polynomial.hermite_e.hermegauss(200)
    tanh = np.tanh(np.sqrt(q) * z)
    w = w / w.sum()
    np.testing.assert_allclose(mean_square(q), w @ tanh**2, rtol=1e-9)
    np.testing.assert_allclose(mean_squared_slope(q), w @ (1 - tanh**2) ** 2, rtol=1e-9)


def test_of_a_small_variance_they_are_the_variance_and_one():
    assert mean_square(1e-8) == pytest.approx(1e-8, rel=1e-6)
    assert mean_squared_slope(1e-8) == pytest.approx(1.0, rel=1e-6)
