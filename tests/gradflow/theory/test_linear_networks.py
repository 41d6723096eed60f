"""Linear networks against matrix powers, and products of random matrices against simulation."""

import math

import numpy as np
import pytest
from scipy.special import digamma

from recurrax.gradflow import theory


def test_a_normal_matrix_follows_the_spectral_radius_from_the_first_step():
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))
    gradient = np.random.default_rng(1).standard_normal(8)
    curve = theory.linear_rnn_log_norms(0.9 * q, gradient, 1000)
    np.testing.assert_allclose(curve - curve[0], theory.linear_rnn_log_norm(0.9, np.arange(1001)), atol=1e-11)


def test_any_matrix_approaches_the_slope_of_its_spectral_radius():
    matrix = np.array([[0.9, 5.0], [0.0, 0.5]])  # strongly non-normal: the norm rises first
    curve = theory.linear_rnn_log_norms(matrix, np.array([1.0, 1.0]), 5000)
    assert curve.max() > curve[0] + 1
    np.testing.assert_allclose(np.diff(curve)[-1], theory.linear_rnn_log_norm(0.9, 1), rtol=1e-10)


def test_linear_rnn_log_norms_are_those_of_matrix_powers():
    rng = np.random.default_rng(2)
    matrix, gradient = rng.standard_normal((5, 5)), rng.standard_normal(5)
    expected = [np.log(np.linalg.norm(np.linalg.matrix_power(matrix, k) @ gradient)) for k in range(12)]
    np.testing.assert_allclose(theory.linear_rnn_log_norms(matrix, gradient, 11), expected, rtol=1e-12)


def test_an_exact_zero_has_log_norm_minus_infinity():
    nilpotent = np.array([[0.0, 1.0], [0.0, 0.0]])
    assert theory.linear_rnn_log_norms(nilpotent, np.array([0.0, 1.0]), 3).tolist() == [0, 0, -np.inf, -np.inf]
    assert theory.linear_rnn_log_norm(0.0, [0, 1]).tolist() == [0, -np.inf]


def test_gaussian_product_spectrum_of_scalars_is_the_mean_log_of_a_normal_variable():
    """E ln |z| = -(ln 2 + Euler's gamma) / 2."""
    np.testing.assert_allclose(theory.gaussian_product_spectrum(1), -(math.log(2) + np.euler_gamma) / 2, rtol=1e-14)


def test_gaussian_product_spectrum_descends_from_its_largest_exponent():
    spectrum = theory.gaussian_product_spectrum(8, gain=2.0)
    assert spectrum.shape == (8,)
    assert np.all(np.diff(spectrum) < 0)
    np.testing.assert_allclose(spectrum[0], math.log(2) + (math.log(2 / 8) + digamma(4)) / 2, rtol=1e-14)


def test_gaussian_product_spectrum_sums_to_the_mean_log_determinant():
    rng = np.random.default_rng(3)
    log_determinants = np.linalg.slogdet(rng.standard_normal((20_000, 6, 6)) * 1.5 / math.sqrt(6))[1]
    error = log_determinants.std() / math.sqrt(len(log_determinants))
    assert abs(theory.gaussian_product_spectrum(6, gain=1.5).sum() - log_determinants.mean()) < 4 * error


def test_leading_exponent_of_wide_products_is_the_log_of_the_gain():
    assert abs(theory.gaussian_product_spectrum(10_000, gain=0.9)[0] - math.log(0.9)) < 1e-4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.linear_rnn_log_norm(-0.5, 1), ValueError, "spectral_radius must be at least 0, got -0.5"),
        (lambda: theory.linear_rnn_log_norm(0.5, [1, -1]), ValueError, "distance must be at least 0, got -1"),
        (
            lambda: theory.linear_rnn_log_norms(np.ones((2, 3)), np.ones(2), 1),
            ValueError,
            "recurrent_matrix must be sq",
        ),
        (lambda: theory.linear_rnn_log_norms(np.eye(2), np.ones(3), 1), ValueError, "gradient must have shape"),
        (lambda: theory.linear_rnn_log_norms(np.eye(2), np.ones(2), -1), ValueError, "steps must be an integer"),
        (lambda: theory.linear_rnn_log_norms(np.eye(2), np.ones(2), 1.5), TypeError, "steps must be an integer"),
        (lambda: theory.gaussian_product_spectrum(0), ValueError, "size must be at least 1, got 0"),
        (lambda: theory.gaussian_product_spectrum(2, gain=0.0), ValueError, "gain must be above 0, got 0.0"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
