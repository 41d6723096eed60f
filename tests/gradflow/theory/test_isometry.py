"""Moments of squared singular values, against the singular values of random Jacobians of 600 units."""

import numpy as np
import pytest

from recurrax.gradflow import theory

SIZE = 600


def moments(jacobian):
    squared = np.linalg.svd(jacobian, compute_uv=False) ** 2
    return squared.mean(), squared.var()


def test_a_step_that_keeps_and_mixes():
    rng = np.random.default_rng(0)
    kept, slope = rng.uniform(0, 1, SIZE), rng.standard_normal(SIZE)
    jacobian = np.diag(kept) + slope[:, None] * rng.standard_normal((SIZE, SIZE)) * (1.5 / SIZE) ** 0.5
    np.testing.assert_allclose(theory.isometry_of_step(kept, slope, 1.5), moments(jacobian), rtol=0.03)


@pytest.mark.parametrize("orthogonal", [False, True])
def test_a_driven_tanh_network(orthogonal):
    rng = np.random.default_rng(1)
    w = rng.standard_normal((SIZE, SIZE))
    w = np.linalg.qr(w)[0] if orthogonal else w / SIZE**0.5
    h, seen = np.zeros(SIZE), []
    for step in range(60):
        h = np.tanh(1.2 * w @ h + 0.5**0.5 * rng.standard_normal(SIZE))
        if step >= 20:
            squared = (1 - h**2) ** 2
            seen.append((1.44 * squared.mean(), 1.44**2 * ((squared**2).mean() - orthogonal * squared.mean() ** 2)))
    expected = theory.isometry_tanh(1.44, 0.5, orthogonal=orthogonal)
    np.testing.assert_allclose(np.mean(seen, 0), expected, rtol=0.03)
    np.testing.assert_allclose(moments((1 - h**2)[:, None] * 1.2 * w), expected, rtol=0.12)


def test_a_minimal_rnn_whose_weights_are_drawn_anew_at_every_step():
    """So that what a gate sees has no memory, as the theory has it."""
    rng = np.random.default_rng(2)
    h, seen = np.zeros(20_000), []
    theoretical = theory.mean_field_minimal_rnn(9.0, 1.0, 0.46, 1.0)
    for step in range(60):
        gate = 1 / (1 + np.exp(-1.0 - (9.0 * np.mean(h**2) + 0.46) ** 0.5 * rng.standard_normal(h.shape)))
        n = 0.46**0.5 * rng.standard_normal(h.shape)
        if step >= 30:
            seen.append(theory.isometry_of_step(gate, (h - n) * gate * (1 - gate), 9.0))
        h = gate * h + (1 - gate) * n
    got, expected = np.mean(seen, 0), theory.isometry_minimal_rnn(9.0, 1.0, 0.46, 1.0)
    assert expected.chi == pytest.approx(theoretical.chi)
    np.testing.assert_allclose(got, expected, rtol=0.02)


def test_relative_variance_adds_up_over_free_steps():
    """Products of k Gaussian matrices: the second moment of the Fuss-Catalan law is k + 1."""
    step = theory.isometry_of_step(np.zeros(9), np.ones(9), 1.0)
    assert step == (1.0, 1.0) and step.relative_variance(4) == 4.0
