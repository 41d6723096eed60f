"""The forget gate against numbers from a calculator and exact limits."""

import math

import numpy as np
import pytest

from recurrax.gradflow import theory

# b, f = 1 / (1 + e^-b), f^100, 1 / (1 - f), -1 / ln f
FORGET_GATE = [
    (0, 0.5, 7.9e-31, 2.0, 1.443),
    (1, 0.731059, 2.48e-14, 3.718, 3.192),
    (2, 0.880797, 3.07e-6, 8.389, 7.878),
    (3, 0.952574, 7.76e-3, 21.09, 20.58),
    (5, 0.993307, 0.5109, 149.4, 148.9),
]


@pytest.mark.parametrize(("bias", "retention", "after_100", "memory_time", "timescale"), FORGET_GATE)
def test_forget_gate_agrees_with_the_calculator(bias, retention, after_100, memory_time, timescale):
    gate = theory.forget_gate(bias)
    np.testing.assert_allclose(gate.retention, retention, rtol=1e-6)
    np.testing.assert_allclose(gate.memory_time, memory_time, rtol=3e-4)
    np.testing.assert_allclose(gate.timescale, timescale, rtol=3e-4)
    np.testing.assert_allclose(np.exp(theory.forget_gate_log_norm(bias, 100)), after_100, rtol=3e-3)


def test_forget_gate_loses_no_digits_at_large_biases():
    """ln sigmoid(b) is -e^-b to 16 digits at b = 40, where sigmoid(b) rounds to 1, and b at b = -800."""
    gate = theory.forget_gate(np.array([40.0, -800.0]))
    np.testing.assert_allclose(gate.rate, [-math.exp(-40), -800], rtol=1e-14)
    np.testing.assert_allclose(gate.timescale, [math.exp(40), 1 / 800], rtol=1e-14)
    np.testing.assert_allclose(gate.memory_time, [1 + math.exp(40), 1], rtol=1e-14)


def test_a_forget_gate_that_is_open_beyond_all_floats_remembers_forever():
    gate = theory.forget_gate(800.0)
    assert gate.timescale == gate.memory_time == np.inf
    assert theory.forget_gate_log_norm(800.0, 1e6) == 0


def test_forget_gate_log_norm_broadcasts_biases_against_distances():
    curve = theory.forget_gate_log_norm(np.array([0.0, 1.0]), np.arange(4)[:, None])
    assert curve.shape == (4, 2)
    np.testing.assert_allclose(curve[3], 3 * np.log([0.5, 1 / (1 + math.exp(-1))]), rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.forget_gate("one"), TypeError, "bias must be numeric"),
        (lambda: theory.forget_gate([0.0, np.nan]), ValueError, "bias must be finite, got nan"),
        (lambda: theory.forget_gate_log_norm(1.0, np.inf), ValueError, "distance must be finite, got inf"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
