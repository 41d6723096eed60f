import numpy as np
import pytest
from scipy import stats

from experiments.gradient_flow.findings.comparisons import changed, holm, larger

REPORTS = 300


@pytest.mark.parametrize("seeds", [3, 8])
def test_of_reports_without_a_difference_at_most_5_percent_claim_one(seeds):
    random = np.random.default_rng(0)
    orders = changes = 0
    for _ in range(REPORTS):
        # Cells scatter differently, as they do in the study.
        values = {n: random.standard_normal(seeds) * 2.0**n for n in range(5)}
        orders, changes = orders + bool(larger(values)), changes + bool(changed(values))
    most = stats.binom.ppf(0.999, REPORTS, 0.05)
    assert orders <= most and changes <= most


def test_differences_that_are_there_are_found_with_their_direction():
    random = np.random.default_rng(0)
    values = {name: mean + 0.1 * random.standard_normal(4) for name, mean in (("a", 0.0), ("b", 5.0), ("c", 0.05))}
    assert larger(values) == {("b", "a"), ("b", "c")}
    assert changed(values).keys() == {"b"} and changed(values)["b"] == pytest.approx(5.0, abs=0.2)


def test_one_seed_equal_numbers_and_what_is_not_finite_say_nothing():
    assert not larger({"a": np.array([1.0]), "b": np.array([9.0])}) and not changed({"a": np.array([9.0])})
    assert not larger({"a": np.zeros(3), "b": np.full(3, -np.inf), "c": np.full(3, 1.0)})
    assert not changed({"a": np.array([np.nan, 1.0, 1.0]), "b": np.full(3, 2.0)})


def test_holm_stops_at_the_first_that_is_not_significant():
    assert holm({"a": 0.04, "b": 0.001, "c": 0.03}) == ["b"] and holm({"a": 0.04, "b": 0.02}) == ["b", "a"]
