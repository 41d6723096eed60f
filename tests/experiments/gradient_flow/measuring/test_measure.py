import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.language_model import init_model
from experiments.gradient_flow.measuring.sources import NoiseSource
from recurrax import LSTM, RNN, unroll
from recurrax.cells.lru import LRU

SOURCE, SEEDS, STEPS, SEQUENCES = NoiseSource(features=3, variance=1.0, seed=0), 2, 6, 2


def run(cell):
    models = init_model(cell, SOURCE, jnp.arange(SEEDS))
    xs, targets = SOURCE.sequences(0, SEQUENCES, STEPS)
    return models, xs, targets, measure.trajectories(cell, models, xs)


@pytest.fixture(scope="module")
def lstm():
    return run(LSTM(hidden_size=3))


def test_norms_are_those_of_the_gradient_of_the_last_loss_in_every_seed(lstm):
    """Checked at s_0, whose gradient JAX has directly."""
    models, xs, targets, paths = lstm
    norms = measure.log_norms(SOURCE, models, paths, targets)
    assert norms["log_norm/joint"].shape == (SEEDS, STEPS + 1, SEQUENCES)
    names = {"joint", "path_rest", *(f"{kind}/{name}" for kind in ("field", "path") for name in "hc")}
    assert set(norms) == {f"log_norm/{name}" for name in names}

    def loss(carry, model):
        return SOURCE.last_loss(model.readout, unroll(paths.cell, model.cell, xs, carry)[1], targets)

    for seed in range(SEEDS):
        model = jax.tree.map(lambda a, seed=seed: a[seed], models)
        carry = paths.cell.initial_carry(paths.cell.prepare(model.cell), (SEQUENCES,))
        gradient = jax.grad(loss)(carry, model)
        expected = 0.5 * np.log(sum(np.square(g).sum(-1) for g in gradient))
        np.testing.assert_allclose(norms["log_norm/joint"][seed, 0], expected, rtol=1e-4)


def test_the_gates_are_in_the_order_of_the_cell_and_their_histograms_are_shares(lstm):
    *_, paths = lstm
    measured = measure.at_end(paths, paths, paths)
    assert [name for name in measured if name.startswith("gate/histogram/")] == [f"gate/histogram/{g}" for g in "ifgo"]
    for gate in "ifgo":
        histogram = measured[f"gate/histogram/{gate}"]
        assert histogram.shape == (SEEDS, measure.BINS)
        np.testing.assert_allclose(histogram.sum(-1), 1.0, atol=1e-5)
    assert measured["gate/memory_time"].shape == measured["gate/mean/f"].shape == (SEEDS, 3)
    assert measure.gate_range(paths.cell, "g") == (-1, 1) and measure.gate_range(paths.cell, "f") == (0, 1)


def test_of_a_large_state_the_leading_exponents_are_measured_and_no_jacobian_products(lstm, monkeypatch):
    monkeypatch.setattr(measure, "LARGE_STATE", 5)
    monkeypatch.setattr(measure, "LEADING", 4)
    *_, paths = lstm
    measured = measure.at_end(paths, paths, paths)
    assert measured["state_size"] == 6 and measured["lyapunov_exponent"].shape[-1] == 4
    assert not [name for name in measured if name.startswith("log_singular_value")]


def test_a_cell_of_one_field_and_without_gates_has_neither_a_rest_nor_gates():
    models, _, targets, paths = run(RNN(hidden_size=3))
    assert "log_norm/path_rest" not in measure.log_norms(SOURCE, models, paths, targets)
    assert measure.first_gates(paths) is None
    measured = measure.at_end(paths, paths, paths)
    assert {name.partition("/")[0] for name in measured} == {"state_size", "lyapunov_exponent", "log_singular_value"}
    assert (measured["log_singular_value/largest"] >= measured["log_singular_value/smallest"]).all()


def test_the_two_parts_of_a_complex_state_count_each():
    assert measure.state_size(run(LRU(hidden_size=3))[-1]) == 6


def test_what_is_not_finite_is_told_by_step_and_has_no_histogram():
    cell = LSTM(hidden_size=3)
    models = init_model(cell, SOURCE, jnp.arange(SEEDS))
    xs, targets = SOURCE.sequences(0, SEQUENCES, STEPS)
    paths = measure.trajectories(cell, models, xs.at[3, 1].set(jnp.inf))
    np.testing.assert_array_equal(measure.first_not_finite(paths)["first_not_finite"], [[-1, 4]] * SEEDS)
    joint = measure.log_norms(SOURCE, models, paths, targets)["log_norm/joint"]
    assert np.isfinite(joint[..., 0]).all() and np.isnan(joint[..., 1]).all()
    measured = measure.at_end(paths, paths, paths)
    assert np.isnan(measured["gate/histogram/f"]).all()
    assert np.isfinite(measured["lyapunov_exponent"][:, 0]).all()
    assert np.isnan(measured["lyapunov_exponent"][:, 1]).all()
