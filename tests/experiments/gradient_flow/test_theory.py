import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow import measure
from experiments.gradient_flow.language_model import init_model
from experiments.gradient_flow.sources import NoiseSource
from experiments.gradient_flow.theory import AT_REST_TEXT, MEAN_FIELD_TEXT, predicted
from recurrax import LSTM, RNN

STEPS, SEEDS = 10, 2


def of(cell, variance=1.0):
    source = NoiseSource(features=8, variance=variance, seed=0)
    models = init_model(cell, source, jnp.arange(SEEDS))
    xs, targets = source.sequences(0, 4, STEPS)
    return source, models, xs, targets, predicted(cell, source, models, xs, targets)


def test_mean_field_theory_predicts_the_slope_of_a_wide_random_tanh_network():
    cell = RNN(hidden_size=128)
    source, models, xs, targets, prediction = of(cell)
    assert str(prediction["text"]) == MEAN_FIELD_TEXT and prediction["log_ratio"].shape == (SEEDS, STEPS + 1)
    joint = measure.log_norms(source, models, measure.trajectories(cell, models, xs), targets)["log_norm/joint"]
    measured = (joint[:, 0] - joint[:, -1]).mean()
    np.testing.assert_allclose(prediction["log_ratio"][:, -1].mean(), measured, rtol=0.15)


def test_other_cells_are_predicted_by_a_run_without_input_and_the_carousel_by_its_forget_gates():
    cell = LSTM(hidden_size=4, forget_bias=2.0)
    *_, prediction = of(cell, variance=9.0)
    assert str(prediction["text"]) == AT_REST_TEXT and (prediction["log_ratio"][:, 0] == 0).all()
    # Without input f = sigmoid(2) at the first step, in every unit.
    rate = np.log(1 / (1 + np.exp(-2.0)))
    np.testing.assert_allclose(prediction["log_carousel"], np.tile(rate * np.arange(STEPS + 1), (SEEDS, 1)), atol=1e-5)
