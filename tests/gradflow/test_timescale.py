"""The fit against curves of known rate, and its error bars against their own claim."""

import dataclasses
import math

import numpy as np
import pytest

from recurrax.gradflow.timescale import fit_timescale

K = np.arange(101.0)
RATE = -0.3


def autoregressive(rng, shape, phi):
    """Noise u_j = phi u_{j-1} + e_j along the first axis, stationary for phi < 1 and a random walk for phi = 1."""
    innovations = rng.standard_normal(shape)
    noise = innovations.copy()
    if phi < 1:
        noise[0] /= math.sqrt(1 - phi**2)
    for j in range(1, len(noise)):
        noise[j] = phi * noise[j - 1] + innovations[j]
    return noise


@pytest.mark.parametrize("rate", [-3.0, -0.3, -1e-4, 1e-4, 0.25])
def test_a_pure_exponential_is_fitted_exactly(rate):
    fit = fit_timescale(K, 1.5 + rate * K)
    assert fit.shape == "exponential"
    assert (fit.first_distance, fit.last_distance, fit.n, fit.curves) == (0, 100, 101, 1)
    np.testing.assert_allclose(fit.rate, rate, rtol=1e-12)
    np.testing.assert_allclose(fit.timescale, -1 / rate, rtol=1e-12)
    np.testing.assert_allclose(fit.intercept, 1.5, rtol=1e-12)
    assert fit.rate_error < 1e-12
    assert fit.timescale_error < 1e-12 / rate**2


def test_a_pure_exponential_rounded_to_float32_has_no_bend():
    fit = fit_timescale(np.arange(1000), (-0.693147 * np.arange(1000)).astype(np.float32))
    assert fit.shape == "exponential"
    np.testing.assert_allclose(fit.rate, -0.693147, rtol=1e-6)


def test_the_line_that_was_fitted_can_be_drawn():
    fit = fit_timescale(K, 1.5 + RATE * K)
    np.testing.assert_allclose(fit.log_norm([0, 10]), [1.5, -1.5], rtol=1e-12)


def test_a_curve_that_is_exactly_flat_has_rate_zero_and_an_infinite_timescale():
    fit = fit_timescale(K, np.full(101, -2.0))
    assert fit.rate == 0
    assert fit.timescale == fit.timescale_error == math.inf
    assert fit.shape == "exponential"


def test_a_flat_noisy_curve_has_rate_zero_within_its_error():
    rng = np.random.default_rng(0)
    fit = fit_timescale(K, 0.3 * rng.standard_normal(101))
    assert abs(fit.rate) < 3 * fit.rate_error
    assert fit.timescale_error > abs(fit.timescale) / 3


def test_growth_has_a_negative_timescale():
    assert fit_timescale(K, 0.5 * K).timescale == pytest.approx(-2, rel=1e-12)


def test_scale_and_unit_of_distance_pass_through():
    rng = np.random.default_rng(1)
    curve = RATE * K + 0.1 * rng.standard_normal(101)
    fit, shifted = fit_timescale(K, curve), fit_timescale(10 * K, curve + 7, transient=50.0)
    np.testing.assert_allclose(10 * shifted.rate, fit.rate, rtol=1e-10)
    np.testing.assert_allclose(10 * shifted.rate_error, fit.rate_error, rtol=1e-10)
    np.testing.assert_allclose(shifted.intercept, fit.intercept + 7, rtol=1e-10)
    np.testing.assert_allclose(shifted.last_distance, 10 * fit.last_distance)


def test_the_order_of_distances_does_not_matter():
    curve = np.maximum(RATE * K, -12)
    assert fit_timescale(K[::-1], curve[::-1]) == fit_timescale(K, curve)


@dataclasses.dataclass(frozen=True)
class Tail:
    """A curve that begins exponentially, and how far off its fitted rate may be."""

    name: str
    curve: np.ndarray
    tolerance: float
    ends_by: float


TAILS = [
    Tail("plateau", np.maximum(RATE * K, -12), 1e-12, 40),
    Tail("plateau after 15 steps", np.maximum(RATE * K, -4.5), 1e-12, 15),
    Tail("soft plateau", np.logaddexp(RATE * K, -12), 0.01, 40),
    Tail("slower exponential", np.logaddexp(RATE * K, -6 - 0.02 * K), 0.03, 22),
    Tail("power law", np.logaddexp(RATE * K, -5 - 1.5 * np.log1p(K)), 0.01, 38),
    Tail("floor at minus infinity", np.where(K <= 40, RATE * K, -np.inf), 1e-12, 40),
    Tail("nothing known", np.where(K <= 40, RATE * K, np.nan), 1e-12, 40),
]


@pytest.mark.parametrize("tail", TAILS, ids=lambda tail: tail.name)
def test_the_near_exponential_is_found_in_front_of_another_tail(tail):
    fit = fit_timescale(K, tail.curve)
    np.testing.assert_allclose(fit.rate, RATE, rtol=tail.tolerance)
    assert fit.last_distance <= tail.ends_by


@pytest.mark.parametrize("tail", TAILS, ids=lambda tail: tail.name)
@pytest.mark.parametrize(("noise", "phi"), [(0.3, 0.0), (0.1, 1.0)])
def test_the_near_exponential_is_found_under_noise(tail, noise, phi):
    """On average over 40 curves, to 5 %; before a slower exponential, where the bend is softest, to 8 %."""
    rng = np.random.default_rng(2)
    fits = [fit_timescale(K, tail.curve + noise * autoregressive(rng, 101, phi)) for _ in range(40)]
    np.testing.assert_allclose(np.mean([f.rate for f in fits]), RATE, rtol=0.08 if "slower" in tail.name else 0.05)
    assert np.median([f.last_distance for f in fits]) <= tail.ends_by


def test_growth_is_found_in_front_of_saturation():
    fit = fit_timescale(K, np.minimum(0.3 * K, 12))
    np.testing.assert_allclose(fit.rate, 0.3, rtol=1e-12)
    assert fit.shape == "partly"


@pytest.mark.parametrize("tail", [RATE * K, np.maximum(RATE * K, -15)], ids=["no tail", "plateau"])
def test_an_initial_transient_of_a_few_steps_is_passed_over(tail):
    fit = fit_timescale(K, tail + 2 * np.exp(-K))
    np.testing.assert_allclose(fit.rate, RATE, rtol=0.01)
    assert 1 <= fit.first_distance <= 8
    assert fit.shape == "partly"


def test_an_early_exponential_of_a_few_steps_is_found_where_no_transient_is_expected():
    curve = np.maximum(-2 * K, -8)  # down to the plateau in 4 steps
    np.testing.assert_allclose(fit_timescale(K, curve, transient=0.0).rate, -2, rtol=1e-12)
    np.testing.assert_allclose(fit_timescale(K, curve, transient=5.0).rate, 0, atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_few_outliers_change_nothing(noise):
    curve = RATE * K + noise * np.random.default_rng(3).standard_normal(101)
    clean = fit_timescale(K, curve)
    for index, jump in {20: 8.0, 50: -5.0, 51: -5.0, 80: 30.0}.items():
        curve[index] += jump
    fit = fit_timescale(K, curve)
    assert (fit.shape, fit.n) == ("exponential", 97)
    np.testing.assert_allclose(fit.rate, clean.rate, atol=1e-12 + 0.5 * clean.rate_error)


def test_outliers_are_taken_out_of_each_curve_alone():
    curves = np.stack([RATE * K, 1 + RATE * K], axis=1)
    curves[30, 0] += 10
    fit = fit_timescale(K, curves)
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)
    assert (fit.n, fit.shape) == (101, "exponential")


def test_what_is_not_finite_is_left_out():
    curve = RATE * K
    curve[[0, 10, 11, 60]] = [np.nan, -np.inf, np.inf, np.nan]
    fit = fit_timescale(K, curve)
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)
    assert (fit.n, fit.first_distance) == (97, 1)


def test_several_curves_give_the_mean_of_their_slopes_and_its_standard_error():
    slopes = np.array([[-0.2, -0.3], [-0.4, -0.5]])
    fit = fit_timescale(K, 2 + slopes * K[:, None, None])
    np.testing.assert_allclose(fit.rate, slopes.mean(), rtol=1e-12)
    np.testing.assert_allclose(fit.rate_error, slopes.std(ddof=1) / 2, rtol=1e-12)
    np.testing.assert_allclose(fit.intercept, 2, rtol=1e-12)
    assert fit.curves == 4


@pytest.mark.parametrize("axis", [1, 2])
def test_only_the_independent_axis_counts_for_the_error(axis):
    slopes = np.array([[-0.2, -0.3, -0.1], [-0.4, -0.5, -0.9]])
    fit = fit_timescale(K, slopes * K[:, None, None], independent_axis=axis)
    means = slopes.mean(2 - axis)
    np.testing.assert_allclose(fit.rate, means.mean(), rtol=1e-12)
    np.testing.assert_allclose(fit.rate_error, means.std(ddof=1) / math.sqrt(len(means)), rtol=1e-12)
    assert fit.curves == len(means)


def test_curves_that_break_off_move_neither_level_nor_rate():
    """Sequences of different lengths and sizes, as a masked batch has them."""
    curves = RATE * K[:, None] + np.array([0.0, 5.0, -20.0])
    curves[30:, 1], curves[60:, 2] = -np.inf, np.nan
    fit = fit_timescale(K, curves)
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)
    np.testing.assert_allclose(fit.intercept, -5, rtol=1e-12)
    assert (fit.shape, fit.last_distance, fit.curves) == ("exponential", 100, 3)


def test_curves_of_many_lengths_and_sizes_do_not_look_like_another_tail():
    """The longer a sequence the larger its gradients: the mean of those that are left would rise all the way."""
    lengths = np.arange(10, 101, 5)
    curves = np.where(K[:, None] <= lengths, RATE * K[:, None] + 0.8 * lengths, np.nan)
    fit = fit_timescale(K, curves)
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)
    assert (fit.shape, fit.last_distance) == ("exponential", 100)


def test_only_the_near_part_is_used_where_no_curve_bridges_a_gap():
    near, far = np.where(K < 50, RATE * K, np.nan), np.where(K >= 50, -2 * K, np.nan)
    fit = fit_timescale(K, np.stack([near, far], axis=1))
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)
    assert (fit.last_distance, fit.curves) == (49, 1)


@pytest.mark.parametrize("usable", [0, 1, 2])
def test_a_curve_of_fewer_than_three_points_is_not_counted(usable):
    curves = np.stack([RATE * K, np.full(101, -np.inf)], axis=1)
    curves[:usable, 1] = [7, -3][:usable]
    fit = fit_timescale(K, curves)
    assert fit.curves == 1
    np.testing.assert_allclose(fit.rate, RATE, rtol=1e-12)


@pytest.mark.parametrize("usable", [0, 1, 2])
@pytest.mark.parametrize("curves", [(), (3,), (0,)])
def test_fewer_than_three_points_give_nan_and_say_so(usable, curves):
    log_norm = np.full((10, *curves), -np.inf)
    log_norm[2 : 2 + usable] = 1.0
    fit = fit_timescale(np.arange(10), log_norm)
    assert fit.shape == "insufficient"
    assert fit.n == (0 if curves == (0,) else usable)
    assert fit.curves == 0
    assert all(math.isnan(value) for value in fit[:7])


def test_no_distances_at_all_give_nan():
    assert fit_timescale([], []).shape == "insufficient"


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8, 9, 12])
def test_short_curves_are_fitted(n):
    rng = np.random.default_rng(n)
    fit = fit_timescale(np.arange(n), RATE * np.arange(n) + 1e-3 * rng.standard_normal(n))
    np.testing.assert_allclose(fit.rate, RATE, rtol=0.01)
    assert 0 < fit.rate_error < 0.01


def test_a_long_curve_is_fitted_on_all_its_points():
    k = np.arange(10_000)
    fit = fit_timescale(k, np.maximum(-0.01 * k, -60.0))
    np.testing.assert_allclose(fit.rate, -0.01, rtol=1e-9)
    assert 4400 <= fit.last_distance <= 4600
    assert fit.n == fit.last_distance + 1


# 95 % intervals, 300 draws, standard deviation of the count about 1.3 %. A random walk is the honest exception.
@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.ones((3, 1)), np.ones(3)), {}, ValueError, "distance must have one axis"),
        ((np.arange(3), np.ones(4)), {}, ValueError, "log_norm must begin with the 3 distances"),
        ((np.arange(3), 1.0), {}, ValueError, "log_norm must begin with the 3 distances"),
        (([0, 1, np.nan], np.ones(3)), {}, ValueError, "distance must be finite"),
        (([0, 1, 1], np.ones(3)), {}, ValueError, "distance must not repeat"),
        ((["a", "b"], np.ones(2)), {}, TypeError, "distance must be numeric"),
        ((np.arange(2), ["a", "b"]), {}, TypeError, "log_norm must be numeric"),
        ((np.arange(3), np.ones(3)), {"transient": -1.0}, ValueError, "transient must be at least 0, got -1.0"),
        ((np.arange(3), np.ones(3)), {"transient": "five"}, TypeError, "transient must be a number"),
        (
            (np.arange(3), np.ones(3)),
            {"independent_axis": 1},
            ValueError,
            "independent_axis must be an axis of log_norm",
        ),
        ((np.arange(3), np.ones((3, 2))), {"independent_axis": 0}, ValueError, "axis of log_norm, 1 to 1, got 0"),
        ((np.arange(3), np.ones((3, 2))), {"independent_axis": 1.0}, TypeError, "independent_axis must be an integer"),
    ],
)
def test_bad_arguments_are_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        fit_timescale(*arguments, **options)
