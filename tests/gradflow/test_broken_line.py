"""The search for straight stretches against curves whose bends are known, and its noise model against exact algebra."""

import numpy as np
import pytest

from recurrax.gradflow.broken_line import autocorrelation, straight_stretch, whitened

K = np.arange(101.0)


def broken(slopes, bends):
    """The continuous curve with these slopes, changing at the bends."""
    steps = np.asarray(slopes)[np.searchsorted(bends, K[:-1], side="right")]
    return np.concatenate([[0.0], np.cumsum(steps)])


@pytest.mark.parametrize(
    ("slopes", "bends", "stretch"),
    [
        ([-1.0], [], (0, 100, False)),
        ([-1.0, 0.0], [40], (0, 30, True)),
        ([-3.0, -1.0], [3], (3, 100, True)),
        ([-3.0, -1.0, 0.0], [3, 63], (3, 48, True)),
        ([-3.0, -1.0, -0.5, 0.0], [4, 44, 70], (4, 34, True)),
        ([2.0, -1.0, -0.2, -0.9], [2, 22, 61], (2, 17, True)),
    ],
)
def test_bends_without_noise_are_found_exactly(slopes, bends, stretch):
    """The stretch begins at its bend and leaves out the last quarter before the next."""
    assert straight_stretch(K, broken(slopes, bends), transient=5.0) == stretch


def test_the_longest_piece_is_taken_where_none_is_longer_than_a_transient():
    curve = broken([-3.0, -1.0, 0.5], [30, 70])
    assert straight_stretch(K, curve, transient=50.0) == (30, 60, True)


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.95])
def test_whitening_turns_autoregressive_noise_into_unit_noise(phi):
    """W C W^T = I for the exact covariance C_ij = phi^|i-j| / (1 - phi^2)."""
    lag = np.abs(np.arange(20)[:, None] - np.arange(20))
    covariance = phi**lag / (1 - phi**2)
    matrix = whitened(np.eye(20), phi)
    np.testing.assert_allclose(matrix @ covariance @ matrix.T, np.eye(20), atol=1e-12)


def test_whitening_a_random_walk_leaves_its_steps():
    np.testing.assert_allclose(whitened(np.array([5.0, 7.0, 4.0]), 1.0), [0, 2, -3])


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_autocorrelation_of_residuals_is_unbiased_by_the_fit(phi):
    rng = np.random.default_rng(0)
    estimates = []
    for _ in range(200):
        u = rng.standard_normal(1200)
        for j in range(1, len(u)):
            u[j] += phi * u[j - 1]
        u = u[-100:]
        line = np.polynomial.Polynomial.fit(np.arange(100), u, 1)
        estimates.append(autocorrelation(u - line(np.arange(100)), parameters=2))
    assert abs(np.median(estimates) - phi) < 0.05


@pytest.mark.parametrize("residuals", [np.ones(9) * [1, -1, 1, -1, 1, -1, 1, -1, 1], np.cumsum(np.ones(100)) - 50.5])
def test_what_cannot_be_told_from_a_random_walk_counts_as_one(residuals):
    """Too few points for the two parameters of a line, or too smooth."""
    assert autocorrelation(residuals, parameters=2) == 1


def test_residuals_that_alternate_or_vanish_have_no_autocorrelation():
    assert autocorrelation(np.tile([1.0, -1.0], 50), parameters=2) == 0
    assert autocorrelation(np.zeros(100), parameters=2) == 0
