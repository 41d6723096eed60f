import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training.measure import Flow, _by_distance, measurable, measure_flow, together
from experiments.training.model import init_model
from recurrax import GRU, RNN, unroll
from recurrax.catalogue import make_task
from recurrax.tasks.adding import Adding
from recurrax.tasks.task import Batch
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.zoneout import Zoneout

CELL, TASK, SEEDS = RNN(3), Adding(24), jnp.array([0, 5], jnp.int32)


@pytest.fixture(scope="module")
def models():
    keys = jax.random.split(jax.random.key(0), 2)
    return jax.vmap(lambda key: init_model(CELL, TASK, key))(keys)


@pytest.fixture(scope="module")
def flow(models):
    return measure_flow(CELL, TASK, models, SEEDS, 4)


def test_it_is_the_gradient_of_each_example(models, flow):
    """Of h_0 by `jax.grad`, which begins each run from its own state."""
    model = jax.tree.map(lambda a: a[1], models)
    batch = TASK.batch(SEEDS[1], 0, 4, held_out=True)

    def loss(start):
        _, ys = unroll(CELL, model.cell, batch.xs, start, mask=batch.mask)
        return TASK.loss(ys @ model.readout["w"] + model.readout["b"], batch) * 4

    gradient = jax.grad(loss)(CELL.initial_carry(model.cell, (4,)))
    (leaf,) = jax.tree.leaves(gradient)
    np.testing.assert_allclose(flow.log_norms[1, -1], np.log(np.linalg.norm(leaf, axis=-1)), rtol=1e-4)
    assert flow.log_norms.shape == (2, 25, 4) and (flow.steps == 24).all()


DECAY = 0.35 * np.log(10)
"""Nats per step."""


@pytest.mark.parametrize("task", ["copy(20, count=3)", "delayed_xor(20, delay=2)", "parity(20)"])
def test_a_network_that_forgets_at_a_known_rate_has_that_slope_on_every_task(task):
    """A linear network whose recurrent weight is a rotation times exp(-0.35 ln 10): 0.35 decades a step."""
    task, cell = make_task(task), RNN(4, activation="identity")
    model = init_model(cell, task, jax.random.key(1))
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))[0]
    model = model._replace(cell=model.cell._replace(w_h=jnp.asarray(np.exp(-DECAY) * rotation, jnp.float32)))
    flow = measure_flow(cell, task, jax.tree.map(lambda a: a[None], model), SEEDS[:1], 8)
    log_norms, steps, batch = flow.log_norms[0], flow.steps[0], task.batch(0, 0, 8, held_out=True)
    lengths = np.full(8, len(batch.xs)) if batch.mask is None else np.asarray(batch.mask).sum(0)
    np.testing.assert_array_equal(steps, lengths)  # all of these ask at their end
    for column, length in zip(log_norms.T, lengths, strict=True):
        known = column[: length + 1]
        np.testing.assert_allclose(known - known[0], -DECAY * np.arange(length + 1), atol=1e-5)
        assert np.isnan(column[length + 1 :]).all()


def test_distance_is_counted_from_the_last_answer_in_steps_that_exist():
    """Asked in step 2 of five; in all of four that exist; in none."""
    weights = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]], float)
    mask = np.array([[1, 1, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1]], bool)
    batch = Batch(np.zeros((5, 3, 1)), np.zeros((5, 3), int), jnp.asarray(weights), jnp.asarray(mask))
    time = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    joint = np.stack([time, [0, 1, 2, 2, 4, 5], time], 1)  # the second state is the same before and after a gap
    log_norms, steps = _by_distance(batch, joint)
    nan = np.nan
    np.testing.assert_array_equal(log_norms.T, [[3, 2, 1, 0, nan, nan], [5, 4, 2, 1, 0, nan], [nan] * 6])
    np.testing.assert_array_equal(steps, [3, 4, -1])


def test_the_median_is_told_as_far_as_half_of_the_sequences_go():
    flow = Flow(np.array([[1.0, 2.0, 9.0], [0.0, -np.inf, np.nan], [5.0, np.nan, np.nan]]), np.array([2, 1, 0]))
    np.testing.assert_array_equal(flow.median, [2.0, -np.inf, np.nan])
    np.testing.assert_array_equal(flow.exists, [[1, 1, 1], [1, 1, 0], [1, 0, 0]])
    assert together([flow, flow]).median.tolist()[:2] == [2.0, -np.inf]


def test_a_wrapper_that_clips_gradients_is_looked_through(models, flow):
    clipped = RecurrentGradient(CELL, clip_norm=1e-9)
    assert measurable(clipped) is CELL and measurable(GRU(3)) == GRU(3)
    assert measurable(Zoneout(GRU(3))) == Zoneout(GRU(3))
    np.testing.assert_array_equal(measure_flow(clipped, TASK, models, SEEDS, 4).log_norms, flow.log_norms)
