import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.gradient_flow.measuring import carriers as module
from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.measuring.carriers import carriers
from experiments.gradient_flow.measuring.language_model import init_model
from experiments.gradient_flow.measuring.sources import NoiseSource
from recurrax import GRU, gradflow

SOURCE, SEEDS, STEPS, SEQUENCES = NoiseSource(features=3, variance=1.0, seed=0), 2, 6, 2


@pytest.fixture(scope="module")
def gru():
    models = init_model(GRU(hidden_size=3), SOURCE, jnp.arange(SEEDS))
    xs, targets = SOURCE.sequences(0, SEQUENCES, STEPS)
    paths, few = (measure.trajectories(GRU(hidden_size=3), models, part) for part in (xs, xs[:, :1]))
    return models, paths, few, targets


def test_gains_are_ratios_of_the_gradient_norms_of_the_study_and_all_directions_lead_at_the_loss(gru):
    models, paths, few, targets = gru
    found = carriers(SOURCE, models, paths, few, targets)
    for seed in range(SEEDS):
        model, path = jax.tree.map(lambda a, seed=seed: a[seed], (models, few))
        joint = gradflow.gradient_norms(
            path, lambda ys, carry, model=model: SOURCE.last_loss(model.readout, ys, targets)
        ).joint
        np.testing.assert_allclose(found["alignment/gain"][seed], joint - joint[-1:], atol=1e-4)
    assert found["leading_directions"].shape == (SEEDS, STEPS + 1)
    np.testing.assert_array_equal(found["leading_directions"][:, 0], 3)
    assert found["layers"] == 0


def test_every_weight_and_gate_has_a_norm_of_every_step(gru):
    found = carriers(SOURCE, *gru)
    names = {name for name in found if name.startswith("log_norm")}
    assert names == {*(f"log_norm_weight/{w}" for w in ("w_x", "w_h", "b")), *(f"log_norm_gate/{g}" for g in "rzn")}
    assert all(found[name].shape == (SEEDS, STEPS, SEQUENCES) for name in names)


def test_the_mean_over_time_of_a_gate_step_by_step_is_its_mean(gru):
    models, paths, few, targets = gru
    found, gates = carriers(SOURCE, models, paths, few, targets), jax.device_get(measure._gates(paths))
    for gate in "rzn":
        over_time = found[f"gate_over_time/mean/{gate}"]
        np.testing.assert_allclose(over_time.mean(-1), getattr(gates["mean"], gate).mean(-1), rtol=1e-5)
        assert (found[f"gate_over_time/q10/{gate}"] <= found[f"gate_over_time/q90/{gate}"]).all()


def test_of_a_large_state_no_alignment_is_measured(gru, monkeypatch):
    monkeypatch.setattr(module, "LARGE_STATE", 2)
    assert not [name for name in carriers(SOURCE, *gru) if name.startswith(("alignment", "leading"))]
