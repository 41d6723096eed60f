import numpy as np
import pytest

from experiments.gradient_flow.timescales import fit_timescales, timescale_text
from recurrax.gradflow.timescale import Timescale

DISTANCE = np.arange(65)[:, None, None]


def fit(rate, error=0.001, shape="exponential", first=0, last=64):
    timescale = -1 / rate if rate else np.inf
    return Timescale(rate, error, timescale, error / rate**2 if rate else 0.0, 0.0, first, last, 10, 4, shape)


@pytest.mark.parametrize("seeds", [1, 4])
def test_one_slope_is_fitted_once(seeds):
    noise = 0.01 * np.random.default_rng(0).standard_normal((65, seeds, 3))
    first, late = fit_timescales(-DISTANCE / 20 + noise)
    assert first.timescale == pytest.approx(20, rel=0.05) and late is None


def test_a_slope_that_changes_is_fitted_at_first_and_in_the_second_half():
    noise = 0.01 * np.random.default_rng(0).standard_normal((65, 4, 3))
    first, late = fit_timescales(np.where(DISTANCE < 20, -DISTANCE / 4, -5 - (DISTANCE - 20) / 40) + noise)
    assert first.timescale == pytest.approx(4, rel=0.1) and late.timescale == pytest.approx(40, rel=0.1)


@pytest.mark.parametrize(
    ("fits", "text"),
    [
        ((fit(-0.05), None), "τ = 20.0 ± 0.4"),
        ((fit(0.05), None), "grows, τ = 20.0 ± 0.4"),
        ((fit(-0.001), None), "flat within error"),
        ((fit(-1e-6, error=1e-9), None), "flat to 10⁻⁵ per step"),
        ((fit(np.nan), None), "no fit"),
        ((fit(-0.05, shape="partly", last=20), None), "τ = 20.0 ± 0.4 (k ≤ 20)"),
        (
            (fit(-0.05, shape="partly", last=20), fit(-0.01, first=32)),
            "τ = 20.0 ± 0.4 (k ≤ 20), 100 ± 10 (32 ≤ k ≤ 64)",
        ),
    ],
)
def test_a_fit_is_said_with_its_error_and_where_it_holds(fits, text):
    assert timescale_text(fits) == text
