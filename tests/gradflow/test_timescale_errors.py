"""Error bars of a time scale hold what they promise."""

import math

import numpy as np
import pytest
from scipy.stats import t as student

from recurrax.gradflow.timescale import fit_timescale
from tests.gradflow.test_timescale import RATE, K, autoregressive


@pytest.mark.parametrize(
    ("n", "phi", "lowest", "highest"),
    [
        (30, 0.0, 0.92, 0.99),
        (100, 0.0, 0.92, 0.99),
        (100, 0.5, 0.91, 0.99),
        (100, 0.8, 0.90, 0.98),
        (100, 1.0, 0.83, 0.95),
    ],
)
def test_error_bars_of_a_single_curve_hold_the_true_rate(n, phi, lowest, highest):
    rng = np.random.default_rng(4)
    k = np.arange(n)
    fits = [fit_timescale(k, RATE * k + 0.3 * autoregressive(rng, n, phi)) for _ in range(300)]
    z = np.array([(f.rate - RATE) / f.rate_error for f in fits])
    assert lowest < np.mean(np.abs(z) < 1.96) < highest
    assert abs(z.mean()) < 4 * z.std() / math.sqrt(len(z))


def test_error_bars_of_a_single_curve_are_those_of_least_squares_under_white_noise():
    rng = np.random.default_rng(5)
    errors = [fit_timescale(K, RATE * K + 0.3 * rng.standard_normal(101)).rate_error for _ in range(50)]
    np.testing.assert_allclose(np.mean(errors), 0.3 / math.sqrt(((K - K.mean()) ** 2).sum()), rtol=0.15)


@pytest.mark.parametrize("phi", [0.0, 1.0])
def test_error_bars_of_several_curves_hold_the_true_rate(phi):
    """With Student's t for curves - 1 degrees of freedom."""
    rng = np.random.default_rng(6)
    k, curves = np.arange(60), 6
    z = []
    for _ in range(200):
        slopes = RATE + 0.02 * rng.standard_normal(curves)
        fit = fit_timescale(k, slopes * k[:, None] + 0.3 * autoregressive(rng, (60, curves), phi))
        z.append((fit.rate - RATE) / fit.rate_error)
    assert 0.91 < np.mean(np.abs(z) < student.ppf(0.975, curves - 1)) < 0.99


@pytest.mark.parametrize(
    ("n", "phi", "share"), [(101, 0.0, 0.03), (101, 0.8, 0.08), (101, 1.0, 0.15), (10, 0.0, 0.03), (10, 1.0, 0.12)]
)
def test_noise_is_seldom_taken_for_a_bend(n, phi, share):
    rng = np.random.default_rng(7)
    k = np.arange(n)
    fits = [fit_timescale(k, RATE * k + 0.3 * autoregressive(rng, n, phi)) for _ in range(200)]
    assert np.mean([f.shape == "partly" for f in fits]) <= share
