import numpy as np
import pytest
from scipy import stats

from experiments.common.rates import Median, Rate


def test_the_interval_is_wilsons():
    rate = Rate.of_counts(8, 10)
    # Newcombe 1998, the score method: (p + z^2/2n +- z sqrt(p q / n + z^2/4n^2)) / (1 + z^2/n)
    assert (rate.low, rate.high) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


def test_the_interval_of_a_median_is_that_of_order_statistics():
    # Conover's tables: of 10 values the second and the ninth, of 20 the sixth and the fifteenth.
    assert Median.of(range(1, 11)) == (5.5, 2, 9)
    assert Median.of(range(20, 0, -1)) == (10.5, 6, 15)
    assert Median.of([3, 1, 2]) == (2, 1, 3)


@pytest.mark.parametrize("of", [1, 3, 10, 200])
def test_both_intervals_are_those_of_scipy(of):
    for count in {0, 1, of // 2, of}:
        expected = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
        assert tuple(Rate.of_counts(count, of)[2:]) == pytest.approx(tuple(expected), abs=1e-12)
    values = np.arange(1, of + 1)
    k = max(1, int(stats.binom.ppf(0.025, of, 0.5)))
    assert Median.of(values)[1:] == (k, of + 1 - k)
