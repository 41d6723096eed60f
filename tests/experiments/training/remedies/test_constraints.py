import numpy as np
import pytest

from tests.experiments.training.small import remedies_of, trained, trains_and_changes_what_is_learned

BINDING = {"bound_candidate": "(0.7)", "spectral_margin": "(0.05)+gaussian_start"}
CELLS = {"constrain_orthogonal": "rnn"}


@pytest.mark.parametrize("name", remedies_of("test_constraints"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name, BINDING.get(name, ""), cells=CELLS.get(name, "gru"))


@pytest.mark.parametrize(
    ("name", "low", "high", "blocks"),
    [("spectral_margin", 0.95, 1.05, slice(None)), ("bound_candidate", 0.0, 0.7, slice(2, None))],
)
def test_constraints_hold_from_the_beginning_and_after_every_step(name, low, high, blocks):
    trainer, after = trained(remedies=name + BINDING[name])
    for state in (trainer.start(), after):
        weight = np.asarray(state.model.cell.w_h)
        values = [np.linalg.svd(block, compute_uv=False) for block in np.split(weight[0], 3, axis=1)[blocks]]
        assert np.min(values) > low - 1e-5 and np.max(values) < high + 1e-5
        assert np.max(values) > high - 1e-5  # it binds
