import numpy as np
import pytest

from experiments.gradient_flow.timescales import fit_timescale_of, timescale_text
from recurrax.gradflow.timescale import Timescale

K = np.arange(129.0)[:, None]


def fit(rate, error=0.001, first=0, last=64):
    timescale = -1 / rate if rate else np.inf
    return Timescale(rate, error, timescale, error / rate**2 if rate else 0.0, 0.0, first, last, 10, 4, "exponential")


def noisy(curve, seeds=3):
    return curve + 0.05 * np.random.default_rng(0).standard_normal((len(K), seeds))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("curve", "timescale", "first", "last"),
    [
        (-K / 20, 20, 0, 128),
        (K / 30, -30, 0, 128),
        (-K / 20 - 2 * (1 - np.exp(-K)), 20, 8, 120),  # other next to the loss
        (np.maximum(-K / 4, -24), 4, 8, 70),  # a floor from 96 on
    ],
)
def test_an_exponential_has_its_time_scale_and_the_range_that_it_was_fitted_to(curve, timescale, first, last, seeds):
    found = fit_timescale_of(noisy(curve, seeds))
    assert found.timescale == pytest.approx(timescale, rel=0.05)
    assert found.first_distance <= first and found.last_distance >= last


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    "curve",
    [
        np.where(K < 64, -K / 5, -64 / 5 + (K - 64) / 5),
        -K / 4 + (K / 128) ** 2 * 30,
        -2 * np.log(1 + K),
        -3 * np.sqrt(K),
        -((K / 20) ** 2),
        np.where(K < 40, -K / 2, -20 - (K - 40) / 20),
        np.maximum(-K / 4, -8),
    ],
    ids=["V", "U", "power law", "stretched", "bending down", "two rates", "mostly floor"],
)
def test_no_exponential_has_no_time_scale(curve, seeds):
    assert fit_timescale_of(noisy(curve, seeds)) is None


def test_norms_that_are_zero_or_not_finite_have_none():
    assert fit_timescale_of(np.full((20, 3), -np.inf)) is None and fit_timescale_of(np.full((20, 1), np.nan)) is None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (fit(-0.05), "τ = 20.0 ± 0.4 (k = 0 to 64)"),
        (fit(0.05), "grows, τ = 20.0 ± 0.4 (k = 0 to 64)"),
        (fit(-0.05, first=5, last=50), "τ = 20.0 ± 0.4 (k = 5 to 50)"),
        (fit(-0.001), "flat within error (k = 0 to 64)"),
        (fit(-1e-6, error=1e-9), "flat to 10⁻⁵ per step (k = 0 to 64)"),
        (None, "no exponential"),
    ],
)
def test_a_fit_is_said_with_its_error_and_where_it_holds(found, text):
    assert timescale_text(found) == text
