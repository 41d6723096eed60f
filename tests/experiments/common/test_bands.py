import numpy as np

from experiments.common.bands import band, logs_of_ratios, median, missing, over_seeds


def test_a_band_has_quantiles_and_both_means_over_all_axes_but_the_first():
    logs = np.log(np.arange(1.0, 12.0))[None].repeat(2, 0).reshape(2, 11, 1)
    b = band(logs)
    for got, expected in ((b.low, np.log(2)), (b.median, np.log(6)), (b.high, np.log(10)), (b.annealed, np.log(6))):
        np.testing.assert_allclose(got, [expected] * 2, rtol=1e-12)
    np.testing.assert_allclose(b.typical, logs.mean((1, 2)))


def test_the_mean_of_norms_that_no_float_holds_is_their_log():
    np.testing.assert_allclose(band(np.full((1, 4), -2000.0)).annealed, -2000.0)
    assert band(np.full((1, 4), -np.inf)).annealed == -np.inf


def test_norms_are_set_against_that_at_distance_zero():
    np.testing.assert_array_equal(logs_of_ratios(np.array([[3.0, 1.0], [2.0, 1.5]])), [[0.0, 0.0], [-1.0, 0.5]])
    assert np.isnan(logs_of_ratios(np.full(2, -np.inf))).all()


def test_what_is_not_a_number_is_left_out_and_counted():
    logs = np.array([[1.0, 3.0, np.nan], [np.nan, np.nan, np.nan], [-np.inf, 2.0, 2.0]])
    b = band(logs)
    np.testing.assert_array_equal(b.median, [2.0, np.nan, 2.0])
    np.testing.assert_allclose(b.typical, [2.0, np.nan, -np.inf])
    assert missing(logs) == " (3 of 3 not finite)" and missing(logs[2:]) == ""


def test_the_median_of_two_is_between_them_and_zero_where_one_is_zero():
    logs = np.array([[1.0, 2.0], [-np.inf, 2.0], [-np.inf, -np.inf], [np.nan, 3.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(median(logs), [1.5, -np.inf, -np.inf, 3.0, np.nan])


def test_quantiles_are_those_of_numpy_where_all_is_finite():
    logs = np.random.default_rng(0).standard_normal((5, 3, 4))
    b = band(logs)
    np.testing.assert_allclose((b.low, b.median, b.high), np.quantile(logs, (0.1, 0.5, 0.9), axis=(1, 2)), rtol=1e-12)


def test_of_a_few_seeds_the_band_holds_all():
    b = over_seeds(np.array([[3.0, 1.0, 2.0], [np.nan, 5.0, 4.0]]))
    np.testing.assert_array_equal((b.low, b.median, b.high), [[1.0, 4.0], [2.0, 4.5], [3.0, 5.0]])
