import pytest

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
