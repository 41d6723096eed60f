"""Mean field against numbers that other code computed, other quadrature, simulation and a published critical point."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from recurrax.gradflow import theory

# sw2, sv2 R; q* and chi from the equations by other code; chi as that code simulated it once with N = 600
MEAN_FIELD = [
    (0.5, 0.1, 0.1628, 0.3926, 0.3975),
    (1.0, 0.1, 0.2950, 0.6888, 0.6926),
    (1.0, 0.01, 0.0778, 0.8762, 0.8892),
    (1.5, 0.1, 0.5202, 0.8775, 0.8755),
    (2.0, 0.1, 0.8146, 1.0030, 1.0056),
    (2.0, 1.0, 2.0484, 0.6918, 0.6918),
    (3.0, 0.1, 1.5076, 1.1821, 1.1833),
]


@pytest.mark.parametrize(("weight_variance", "input_variance", "q", "chi", "_"), MEAN_FIELD)
def test_mean_field_agrees_with_other_code(weight_variance, input_variance, q, chi, _):
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
def test_critical_weight_variance_agrees_with_other_code(input_variance, expected):
    assert abs(theory.critical_weight_variance(input_variance) - expected) <= 0.6e-5


@pytest.mark.parametrize("input_variance", [0.0, 1e-12, 1e-4, 0.1, 1.0, 100.0])
def test_chi_is_one_at_the_critical_weight_variance(input_variance):
    """At s2 = 1 that is 3.44321, by adaptive quadrature; 3.44204, which one finds quoted, gives chi = 0.99979."""
    critical = theory.critical_weight_variance(input_variance)
    np.testing.assert_allclose(theory.mean_field_tanh(critical, input_variance).chi, 1, rtol=1e-13)


def test_mean_field_agrees_with_a_simulated_network():
    """chi as the growth of the mean squared gradient per step back, N = 600, two networks, as in the table: 2 %."""
    for weight_variance, input_variance, *_, before in MEAN_FIELD[1::3]:
        simulated = np.mean([simulated_chi(weight_variance, input_variance, seed) for seed in (0, 1)])
        np.testing.assert_allclose(simulated, before, rtol=0.02)
        np.testing.assert_allclose(simulated, theory.mean_field_tanh(weight_variance, input_variance).chi, rtol=0.02)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.mean_field_tanh("one", 0.1), TypeError, "weight_variance must be a number"),
        (lambda: theory.mean_field_tanh(1.0, -0.1), ValueError, "input_variance must be at least 0, got -0.1"),
        (lambda: theory.mean_field_tanh(math.inf, 0.1), ValueError, "weight_variance must be finite"),
        (lambda: theory.critical_weight_variance(-1.0), ValueError, "input_variance must be at least 0, got -1.0"),
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


@pytest.mark.parametrize(("weight", "bias", "chi"), [(1.0, 0.0, 0.3125), (1.0, 3.0, 0.8914), (3.0, 1.0, 0.6905)])
def test_chi_of_the_minimal_rnn_where_it_was_computed_once(weight, bias, chi):
    assert theory.mean_field_minimal_rnn(weight**2, 1.0, 0.46, bias).chi == pytest.approx(chi, abs=5e-5)


def test_the_published_critical_point_of_the_minimal_rnn_is_critical():
    """Chen et al. (2018): sw = 6.88, sv = 1.39, R = 0.46, mu = 0."""
    assert abs(theory.mean_field_minimal_rnn(6.88**2, 1.39**2, 0.46).chi - 1) < 2e-3


def test_a_minimal_rnn_without_input_is_silent_and_keeps_what_its_gate_says():
    field = theory.mean_field_minimal_rnn(4.0, 1.0, 0.0, 2.0)
    assert field.q == field.state_variance == 0 and field.chi == pytest.approx((1 / (1 + math.exp(-2))) ** 2)
