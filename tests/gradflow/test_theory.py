"""Closed forms against published numbers, other quadrature, high-precision arithmetic and simulation."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import digamma

from recurrax.gradflow import theory

# Forget gate: b, f, f^100, 1 / (1 - f), -1 / ln f
FORGET_GATE = [
    (0, 0.5, 7.9e-31, 2.0, 1.443),
    (1, 0.731059, 2.48e-14, 3.718, 3.192),
    (2, 0.880797, 3.07e-6, 8.389, 7.878),
    (3, 0.952574, 7.76e-3, 21.09, 20.58),
    (5, 0.993307, 0.5109, 149.4, 148.9),
]

# Chen, Pennington & Schoenholz 2018: sw2, sv2 R, q*, chi, and chi as simulated once with N = 600
MEAN_FIELD = [
    (0.5, 0.1, 0.1628, 0.3926, 0.3975),
    (1.0, 0.1, 0.2950, 0.6888, 0.6926),
    (1.0, 0.01, 0.0778, 0.8762, 0.8892),
    (1.5, 0.1, 0.5202, 0.8775, 0.8755),
    (2.0, 0.1, 0.8146, 1.0030, 1.0056),
    (2.0, 1.0, 2.0484, 0.6918, 0.6918),
    (3.0, 0.1, 1.5076, 1.1821, 1.1833),
]


@pytest.mark.parametrize(("bias", "retention", "after_100", "memory_time", "timescale"), FORGET_GATE)
def test_forget_gate_agrees_with_the_published_table(bias, retention, after_100, memory_time, timescale):
    gate = theory.forget_gate(bias)
    np.testing.assert_allclose(gate.retention, retention, rtol=1e-6)
    np.testing.assert_allclose(gate.memory_time, memory_time, rtol=3e-4)
    np.testing.assert_allclose(gate.timescale, timescale, rtol=3e-4)
    np.testing.assert_allclose(np.exp(theory.forget_gate_log_norm(bias, 100)), after_100, rtol=3e-3)


def test_forget_gate_loses_no_digits_at_large_biases():
    """ln sigmoid(b) is -e^-b to 16 digits at b = 40, where sigmoid(b) rounds to 1, and b at b = -800."""
    gate = theory.forget_gate(np.array([40.0, -800.0]))
    np.testing.assert_allclose(gate.rate, [-math.exp(-40), -800], rtol=1e-14)
    np.testing.assert_allclose(gate.timescale, [math.exp(40), 1 / 800], rtol=1e-14)
    np.testing.assert_allclose(gate.memory_time, [1 + math.exp(40), 1], rtol=1e-14)


def test_a_forget_gate_that_is_open_beyond_all_floats_remembers_forever():
    gate = theory.forget_gate(800.0)
    assert gate.timescale == gate.memory_time == np.inf
    assert theory.forget_gate_log_norm(800.0, 1e6) == 0


def test_forget_gate_log_norm_broadcasts_biases_against_distances():
    curve = theory.forget_gate_log_norm(np.array([0.0, 1.0]), np.arange(4)[:, None])
    assert curve.shape == (4, 2)
    np.testing.assert_allclose(curve[3], 3 * np.log([0.5, 1 / (1 + math.exp(-1))]), rtol=1e-15)


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


@pytest.mark.parametrize(("weight_variance", "input_variance", "q", "chi", "_"), MEAN_FIELD)
def test_mean_field_agrees_with_the_published_table(weight_variance, input_variance, q, chi, _):
    result = theory.mean_field_tanh(weight_variance, input_variance)
    assert abs(result.q - q) <= 0.51e-4
    assert abs(result.chi - chi) <= 0.51e-4


@pytest.mark.parametrize(("weight_variance", "input_variance"), [(1.0, 0.1), (3.0, 0.1), (20.0, 5.0)])
def test_mean_field_satisfies_its_equations_under_adaptive_quadrature(weight_variance, input_variance):
    result = theory.mean_field_tanh(weight_variance, input_variance)
    squares = gaussian_mean(lambda z: np.tanh(np.sqrt(result.q) * z) ** 2)
    slopes = gaussian_mean(lambda z: np.cosh(np.sqrt(result.q) * z) ** -4)
    np.testing.assert_allclose(weight_variance * squares + input_variance, result.q, rtol=1e-11)
    np.testing.assert_allclose(weight_variance * slopes, result.chi, rtol=1e-11)


def test_rates_and_times_of_the_mean_field_follow_from_chi():
    result = theory.mean_field_tanh(1.0, 0.1)
    np.testing.assert_allclose(result.rate, 0.5 * math.log(result.chi), rtol=1e-14)
    np.testing.assert_allclose(result.timescale, -1 / result.rate, rtol=1e-14)
    np.testing.assert_allclose(result.xi, -1 / math.log(result.chi), rtol=1e-14)


def test_without_input_and_below_criticality_the_network_is_silent():
    assert theory.mean_field_tanh(0.81, 0.0)[:2] == (0.0, 0.81)
    assert theory.mean_field_tanh(1.0, 0.0).timescale == math.inf
    assert theory.mean_field_tanh(0.0, 0.1).rate == -math.inf


def test_without_input_and_above_criticality_the_stable_fixed_point_is_the_active_one():
    """Near criticality q* = (sw2 - 1) / 2 + O((sw2 - 1)^2), from E[tanh^2] = q - 2 q^2 + O(q^3)."""
    np.testing.assert_allclose(theory.mean_field_tanh(1.0001, 0.0).q, 0.5e-4, rtol=2e-3)
    assert theory.mean_field_tanh(1.5, 0.0).chi > 1


@pytest.mark.parametrize(("input_variance", "expected"), [(1e-4, 1.08603), (0.01, 1.42421), (0.1, 1.98607)])
def test_critical_weight_variance_agrees_with_the_published_table(input_variance, expected):
    assert abs(theory.critical_weight_variance(input_variance) - expected) <= 0.6e-5


@pytest.mark.parametrize("input_variance", [0.0, 1e-12, 1e-4, 0.1, 1.0, 100.0])
def test_chi_is_one_at_the_critical_weight_variance(input_variance):
    """At s2 = 1 that is 3.44321, by adaptive quadrature; 3.44204, which one finds quoted, gives chi = 0.99979."""
    critical = theory.critical_weight_variance(input_variance)
    np.testing.assert_allclose(theory.mean_field_tanh(critical, input_variance).chi, 1, rtol=1e-13)


def test_mean_field_agrees_with_a_simulated_network():
    """chi as the growth of the mean squared gradient per step back, N = 600, two networks, as in the table: 2 %."""
    for weight_variance, input_variance, *_, published in MEAN_FIELD[1::3]:
        simulated = np.mean([simulated_chi(weight_variance, input_variance, seed) for seed in (0, 1)])
        np.testing.assert_allclose(simulated, published, rtol=0.02)
        np.testing.assert_allclose(simulated, theory.mean_field_tanh(weight_variance, input_variance).chi, rtol=0.02)


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
        (lambda: theory.forget_gate("one"), TypeError, "bias must be numeric"),
        (lambda: theory.forget_gate([0.0, np.nan]), ValueError, "bias must be finite, got nan"),
        (lambda: theory.forget_gate_log_norm(1.0, np.inf), ValueError, "distance must be finite, got inf"),
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
        (lambda: theory.mean_field_tanh("one", 0.1), TypeError, "weight_variance must be a number"),
        (lambda: theory.mean_field_tanh(1.0, -0.1), ValueError, "input_variance must be at least 0, got -0.1"),
        (lambda: theory.mean_field_tanh(math.inf, 0.1), ValueError, "weight_variance must be finite"),
        (lambda: theory.critical_weight_variance(-1.0), ValueError, "input_variance must be at least 0, got -1.0"),
        (lambda: theory.gaussian_product_spectrum(0), ValueError, "size must be at least 1, got 0"),
        (lambda: theory.gaussian_product_spectrum(2, gain=0.0), ValueError, "gain must be above 0, got 0.0"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def gaussian_mean(function):
    """E[f(z)] for an even f, by adaptive quadrature."""
    density = 2 / math.sqrt(2 * math.pi)
    return quad(lambda z: density * math.exp(-z * z / 2) * function(z), 0, 12, epsabs=1e-13, epsrel=1e-12, limit=400)[0]


def simulated_chi(weight_variance, input_variance, seed, size=600, settle=30, measure=20):
    """Growth of the squared norm of many gradients through the steps of one random network, plain NumPy."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((size, size)) * math.sqrt(weight_variance / size)
    h = np.zeros((64, size))
    log_growth = 0.0
    gradient = rng.standard_normal((64, size))
    slopes = []
    for step in range(settle + measure):
        h = np.tanh(h @ w + math.sqrt(input_variance) * rng.standard_normal(h.shape))
        if step >= settle:
            slopes.append(1 - h**2)
    for slope in slopes[::-1]:
        new = (gradient * slope) @ w.T
        log_growth += math.log((new**2).sum() / (gradient**2).sum())
        gradient = new / np.sqrt((new**2).mean())
    return math.exp(log_growth / measure)
