import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from recurrax.gradflow._numerics.gaussian_averages import average, mean_square, mean_squared_slope


@pytest.mark.parametrize("q", [1e-4, 0.5, 3.0])
def test_averages_are_those_of_adaptive_quadrature(q):
    def average(f):
        integral, _ = scipy.integrate.quad(lambda z: scipy.stats.norm.pdf(z) * f(np.tanh(np.sqrt(q) * z)), -12, 12)
        return integral

    np.testing.assert_allclose(mean_square(q), average(lambda t: t**2), rtol=1e-7)
    np.testing.assert_allclose(mean_squared_slope(q), average(lambda t: (1 - t**2) ** 2), rtol=1e-7)


def test_of_a_small_variance_they_are_the_variance_and_one():
    assert mean_square(1e-8) == pytest.approx(1e-8, rel=1e-6)
    assert mean_squared_slope(1e-8) == pytest.approx(1.0, rel=1e-6)


def test_averages_of_powers_are_the_moments_of_the_normal_law():
    assert abs(average(lambda a: a**2, 3.0, mean=0.5) - 3.25) < 1e-10
    assert abs(average(lambda a: a**4, 2.0) - 12.0) < 1e-9
