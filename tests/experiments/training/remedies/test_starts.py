import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training.measure import measure_flow
from experiments.training.trainer import Trainer
from tests.experiments.training.small import config, remedies_of, same

ARGUMENTS = {"orthogonal": "(0.5)"}
CELLS = {"identity_start": "rnn"}


@pytest.mark.parametrize("name", remedies_of("test_starts"))
def test_every_one_changes_what_is_drawn_and_nothing_else(name):
    """The step that is compiled is that of the cell as it is."""
    fields = {"cells": CELLS.get(name, "gru")}
    with_remedy, without = Trainer(config(remedies=name + ARGUMENTS.get(name, ""), **fields)), Trainer(config(**fields))
    one, other = with_remedy.start(), without.start()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one.model))
    assert not same(one.model, other.model)
    assert type(with_remedy.cell) is type(without.cell)
    assert jax.tree.map(jnp.shape, one.model) == jax.tree.map(jnp.shape, other.model)


def test_chrono_takes_its_longest_time_from_the_task():
    assert "Chrono(t_max=23.0" in repr(config(remedies="chrono_start").make_cell())
    assert "Chrono(t_max=99.0" in repr(config(remedies="chrono_start(100)").make_cell())


def test_the_critical_gain_keeps_the_gradient():
    """A tanh network of gain 1 that its inputs drive loses it."""
    reach = {}
    for remedy in ("gaussian_start(1.0)", "critical_start"):
        trainer = Trainer(config(cells="rnn", hidden_size=64, tasks="adding(100)", remedies=remedy, seeds=4))
        state = trainer.start()
        norms = measure_flow(trainer.cell, trainer.task, state.model, state.seed, 4).log_norms
        reach[remedy] = float(np.median(norms[:, -1] - norms[:, 0]))
    assert reach["gaussian_start(1.0)"] < -8 and abs(reach["critical_start"]) < 8
