import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training.measure import log_norms, measurable
from experiments.training.model import init_model
from recurrax import GRU, RNN, unroll
from recurrax.tasks.adding import Adding
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.zoneout import Zoneout

CELL, TASK, SEEDS = RNN(3), Adding(24), jnp.array([0, 5], jnp.int32)


@pytest.fixture(scope="module")
def models():
    keys = jax.random.split(jax.random.key(0), 2)
    return jax.vmap(lambda key: init_model(CELL, TASK, key))(keys)


@pytest.fixture(scope="module")
def norms(models):
    return log_norms(CELL, TASK, models, SEEDS, 4)


def test_they_are_those_of_the_gradient_of_each_example(models, norms):
    """Of h_0 by `jax.grad`, which begins each run from its own state."""
    model = jax.tree.map(lambda a: a[1], models)
    batch = TASK.batch(SEEDS[1], 0, 4, held_out=True)

    def loss(start):
        _, ys = unroll(CELL, model.cell, batch.xs, start, mask=batch.mask)
        return TASK.loss(ys @ model.readout["w"] + model.readout["b"], batch) * 4

    gradient = jax.grad(loss)(CELL.initial_carry(model.cell, (4,)))
    (leaf,) = jax.tree.leaves(gradient)
    np.testing.assert_allclose(norms[1, 0], np.log(np.linalg.norm(leaf, axis=-1)), rtol=1e-4)
    assert norms.shape == (2, 25, 4)


def test_a_wrapper_that_clips_gradients_is_looked_through(models, norms):
    clipped = RecurrentGradient(CELL, clip_norm=1e-9)
    assert measurable(clipped) is CELL and measurable(GRU(3)) == GRU(3)
    assert measurable(Zoneout(GRU(3))) == Zoneout(GRU(3))
    np.testing.assert_array_equal(log_norms(clipped, TASK, models, SEEDS, 4), norms)
