import numpy as np
import pytest
from scipy import stats

from experiments.common.statistics import holm, least_p, log_rank, paired, restricted_mean, success_curve

# Weeks to relapse of leukaemia (Freireich et al. 1963), with 6-MP and with a placebo; what every textbook computes.
TREATED = (6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
RELAPSED = (1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
ALL = (1,) * 21
# Inches by which Darwin's crossed maize outgrew its self-fertilised twin (Fisher 1935, section 21).
MAIZE = (49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48)


def test_the_curve_is_that_of_the_textbooks():
    curve = success_curve(TREATED, RELAPSED)
    assert curve.times.tolist() == [0, 6, 7, 10, 13, 16, 22, 23]
    # Kalbfleisch & Prentice, and the survival package's vignette.
    assert 1 - curve.share == pytest.approx([1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)


def test_the_band_is_that_of_scipy_where_both_are_defined():
    curve = success_curve(TREATED, RELAPSED)
    data = stats.CensoredData.right_censored(TREATED, np.logical_not(RELAPSED))
    expected = stats.ecdf(data).cdf.confidence_interval(method="log-log")
    at = np.searchsorted(expected.low.quantiles, curve.times[1:])
    np.testing.assert_allclose(curve.low[1:], expected.low.probabilities[at], atol=1e-10)
    np.testing.assert_allclose(curve.high[1:], expected.high.probabilities[at], atol=1e-10)


def test_where_all_succeed_or_none_the_band_is_what_the_number_of_them_excludes():
    none, every = success_curve([9] * 5, [0] * 5), success_curve([3] * 5, [1] * 5)
    limit = stats.binomtest(0, 5).proportion_ci(method="exact").high
    assert (none.share.tolist(), none.low.tolist()) == ([0], [0]) and none.high == pytest.approx([limit])
    assert every.share.tolist() == [0, 1] and every.low[-1] == pytest.approx(1 - limit) and every.high[-1] == 1


def test_the_log_rank_test_is_that_of_the_textbooks_and_of_scipy():
    got = log_rank([(TREATED, RELAPSED, PLACEBO, ALL)])
    assert got.chi2 == pytest.approx(16.79, abs=5e-3) and got.p == pytest.approx(4.17e-5, rel=2e-3)
    treated = stats.CensoredData.right_censored(TREATED, np.logical_not(RELAPSED))
    assert got.p == pytest.approx(stats.logrank(treated, PLACEBO).pvalue, rel=1e-9)


def test_strata_are_compared_within_and_not_across():
    """Every stratum alone is without a difference; pooled, the one that is slower in all looks like an effect."""
    fast, slow = ([1, 2, 3, 4], [1] * 4), ([101, 102, 103, 104], [1] * 4)
    assert log_rank([(*fast, *fast), (*slow, *slow)]).chi2 == pytest.approx(0, abs=1e-12)
    twice = log_rank([(TREATED, RELAPSED, PLACEBO, ALL)] * 2)
    assert twice.chi2 == pytest.approx(2 * 16.793, rel=1e-3)
    assert log_rank([([5, 5], [0, 0], [5, 5], [0, 0])]) == (0.0, 1.0)


def test_the_restricted_mean_is_the_area_and_without_censoring_the_mean():
    data = stats.CensoredData.right_censored(TREATED, np.logical_not(RELAPSED))
    weeks = np.arange(0, 30, 0.001)
    area = stats.ecdf(data).sf.evaluate(weeks).sum() * 0.001
    assert restricted_mean(TREATED, RELAPSED, 30).value == pytest.approx(area, abs=0.01)
    mean, error = restricted_mean(PLACEBO, ALL, 100)
    assert mean == pytest.approx(np.mean(PLACEBO)) and error == pytest.approx(np.std(PLACEBO) / np.sqrt(21))
    assert restricted_mean([9] * 4, [0] * 4, 9) == (9, 0)
    assert restricted_mean([2, 9, 9, 9], [1, 0, 0, 0], 9).value == 7.25


def test_changes_of_sign_give_fishers_number_for_darwins_maize():
    got = paired(MAIZE)
    # 863 of 32,768 sums are as great, and as many as small.
    assert got.p == pytest.approx(2 * 863 / 32768, abs=1e-12) and got.mean == pytest.approx(np.mean(MAIZE))
    expected = stats.permutation_test((MAIZE,), np.mean, permutation_type="samples", n_resamples=2**15)
    assert got.p == pytest.approx(expected.pvalue, abs=1e-12)


def test_the_interval_holds_the_shifts_that_are_not_excluded():
    got = paired(MAIZE[:10])
    for end, inwards in ((got.low, 1e-6), (got.high, -1e-6)):
        assert paired(np.array(MAIZE[:10]) - end - inwards).p > 0.05 >= paired(np.array(MAIZE[:10]) - end + inwards).p


def test_few_pairs_exclude_nothing_and_equal_ones_say_nothing():
    assert paired([1, 2, 3, 4, 5])[1:] == (-np.inf, np.inf, 0.0625)
    assert paired([0.0] * 8).p == 1 and paired([3.0]).p == 1
    assert least_p(5) == 0.0625 and paired([1.0, 2, 4, 8, 16, 32]).p == least_p(6)


def test_many_pairs_are_sampled_and_give_the_same_each_time():
    values = np.random.default_rng(0).normal(0.5, 1, 40)
    got = paired(values)
    assert got == paired(values) and got.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_adjusted_p_values_are_those_of_holm():
    # 5 x 0.01, 4 x 0.02, 3 x 0.03, and none of the later ones smaller.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []
