import numpy as np

from experiments.common.bands import band, missing, relative


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
    np.testing.assert_array_equal(relative(np.array([[3.0, 2.0], [1.0, 1.5]])), [[0.0, -1.0], [0.0, 0.5]])
    assert np.isnan(relative(np.full(2, -np.inf))).all()


def test_what_is_not_a_number_is_left_out_and_counted():
    logs = np.array([[1.0, 3.0, np.nan], [np.nan, np.nan, np.nan], [-np.inf, 2.0, 2.0]])
    b = band(logs)
    np.testing.assert_array_equal(b.median, [1.0, np.nan, 2.0])
    np.testing.assert_allclose(b.typical, [2.0, np.nan, -np.inf])
    assert missing(logs) == " (3 of 3 not finite)" and missing(logs[2:]) == ""
