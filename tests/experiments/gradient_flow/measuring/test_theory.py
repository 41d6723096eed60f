import jax.numpy as jnp
import numpy as np
import pytest

from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.language_model import init_model
from experiments.gradient_flow.measuring.sources import NoiseSource
from experiments.gradient_flow.measuring.theory import predicted
from recurrax import GRU, LSTM, RNN
from recurrax.initializers import Gaussian, Identity, OrthogonalPerGate, TorchUniform

STEPS, SEEDS = 10, 2


def of(cell, variance=1.0):
    source = NoiseSource(features=8, variance=variance, seed=0)
    models = init_model(cell, source, jnp.arange(SEEDS))
    xs, targets = source.sequences(0, 4, STEPS)
    return source, models, xs, targets, predicted(cell, models, xs)


@pytest.mark.parametrize("initializer", [Gaussian(), TorchUniform()])
def test_mean_field_theory_predicts_the_slope_of_a_wide_random_tanh_network(initializer):
    cell = RNN(hidden_size=128, recurrent_init=initializer)
    source, models, xs, targets, prediction = of(cell)
    assert prediction["theory/log_ratio"].shape == (SEEDS, STEPS + 1)
    joint = measure.log_norms(source, models, measure.trajectories(cell, models, xs), targets)["log_norm/joint"]
    measured = (joint[:, 0] - joint[:, -1]).mean()
    np.testing.assert_allclose(prediction["theory/log_ratio"][:, -1].mean(), measured, rtol=0.15)


@pytest.mark.parametrize("initializer", [OrthogonalPerGate(), Identity(), Identity(gain=0.5)])
def test_weights_that_are_not_independent_have_no_such_theory(initializer):
    *_, prediction = of(RNN(hidden_size=16, recurrent_init=initializer))
    assert "theory/log_ratio" not in prediction


def test_the_carousel_is_predicted_by_the_forget_gates_of_a_run_without_input():
    *_, prediction = of(LSTM(hidden_size=4, forget_bias=2.0), variance=9.0)
    # Without input f = sigmoid(2) at the first step, in every unit.
    rate = np.log(1 / (1 + np.exp(-2.0)))
    expected = np.tile(rate * np.arange(STEPS + 1), (SEEDS, 1))
    np.testing.assert_allclose(prediction["theory/log_carousel"], expected, atol=1e-5)
    assert "theory/log_ratio" not in prediction


@pytest.mark.parametrize(
    ("cell", "radius"),
    [
        (RNN(6, recurrent_init=Identity(gain=0.5)), 0.5),
        # The origin Jacobians of the literature: f + i o eig(U_g), and (1 - z) + z r eig(U_n) with all gates at 1/2.
        (LSTM(6, forget_bias=0.0, recurrent_init=Identity()), 0.5 + 0.25),
        (GRU(6, recurrent_init=Identity()), 0.5 + 0.25),
    ],
    ids=lambda value: getattr(type(value), "__name__", ""),
)
def test_the_first_step_keeps_what_its_jacobian_at_zero_says(cell, radius):
    *_, prediction = of(cell)
    np.testing.assert_allclose(prediction["theory/step_radius"], np.full(SEEDS, radius), rtol=1e-5)
