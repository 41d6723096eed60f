import numpy as np
import pytest

from recurrax.gradflow import truncation


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("tolerance", [0.5, 0.1, 0.01])
def test_of_an_exponential_the_lost_share_is_its_power(factor, tolerance):
    """sum over k > K of f^k over all = f^(K + 1)."""
    result = truncation(np.log(factor) * np.arange(200) + 70.0, tolerance)
    np.testing.assert_allclose(result.lost, factor ** np.arange(1, 201), rtol=1e-9)
    assert result.steps == int(np.ceil(np.log(tolerance) / np.log(factor) - 1e-9)) - 1
    np.testing.assert_allclose(result.rate, np.log(factor), rtol=1e-12)


def test_norms_are_averaged_as_norms_and_may_be_too_small_for_floats():
    logs = np.stack([np.log(0.9) * np.arange(50), np.log(0.1) * np.arange(50)], 1) - 1e4
    mean = np.mean([0.9 ** np.arange(50.0), 0.1 ** np.arange(50.0)], 0)
    result = truncation(logs, 0.2)
    tail = 0.9**50 / (1 - 0.9) / 2
    np.testing.assert_allclose(result.lost[9], (mean[10:].sum() + tail) / (mean.sum() + tail), rtol=1e-3)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_where_the_gradient_does_not_fade_no_truncation_is_enough(rate):
    result = truncation(rate * np.arange(40))
    assert result.steps is None and np.isinf(result.lost).all()


def test_a_gradient_that_ends_loses_nothing_beyond():
    result = truncation(np.where(np.arange(20) < 5, 0.0, -np.inf), 0.1)
    assert result.steps == 4 and result.lost[4] == 0
    np.testing.assert_allclose(result.lost[:5], [0.8, 0.6, 0.4, 0.2, 0.0])
    assert truncation(np.full(10, -np.inf)).steps == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(10), 1.0), r"tolerance must lie between 0 and 1, got 1\.0"),
        ((np.zeros(3),), r"log_norm must have at least 4 distances along its first axis, got shape \(3,\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        truncation(*arguments)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_no_truncation_is_chosen_of_norms_that_are_not_finite(broken):
    result = truncation(np.where(np.arange(20) < 5, -np.arange(20.0), broken), 0.1)
    assert result.steps is None and np.isnan(result.lost).all() and np.isnan(result.rate)
