import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.training.checkpoints import Checkpoints
from experiments.training.model import answers
from experiments.training.trainer import Trainer, optimizer
from tests.experiments.training.small import config, same, trained


def copied(state):
    """Returns a state that `advance` may use up."""
    return jax.tree.map(jnp.copy, state)


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "rmsprop", "sgd", "momentum"])
def test_every_optimizer_goes_down_a_slope(name):
    transformation, x = optimizer(config(optimizer=name), 0.1), jnp.array([3.0])
    updates, _ = transformation.update(2 * x, transformation.init(x), x)
    assert (x + updates)[0] < 3.0


def test_trainings_that_differ_in_the_learning_rate_alone_are_one_program():
    """One that was compiled serves the other, as JAX's cache on the disk finds it by its text."""

    def program(**fields):
        trainer = Trainer(config(optimizer="adam", **fields))
        state = jax.eval_shape(trainer.start)
        text = trainer._advance.lower(state, jax.ShapeDtypeStruct((), jnp.int32), jnp.float32(0)).as_text()
        return re.sub(r"%\w+", "%", text)  # names of values mean nothing

    assert program() == program(learning_rate=0.3)
    assert program() != program(remedies="clip_norm(1.0)")


def test_a_step_is_the_optimizers_on_the_gradient_of_the_tasks_loss():
    trainer, _ = trained()
    state = trainer.start()
    model, batch = jax.tree.map(lambda a: a[0], state.model), trainer.task.batch(0, 0, 3)
    loss, gradient = jax.value_and_grad(lambda m: trainer.task.loss(answers(trainer.cell, m, batch)[0], batch))(model)
    after = trainer.advance(state, 1)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, model, gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-4, atol=1e-6), after.model, expected)
    np.testing.assert_allclose(after.loss_sum[0], loss, rtol=1e-5)
    np.testing.assert_allclose(after.largest_gradient[0], optax.tree.norm(gradient), rtol=1e-4)


def test_a_seed_that_is_solved_or_not_finite_stays_where_it_is():
    trainer, state = trained(seeds=2)
    stopped = copied(state)._replace(solved=jnp.array([True, False]))
    after = trainer.advance(stopped, 5)
    assert after.step.tolist() == [3, 5]
    assert same(jax.tree.map(lambda a: a[0], after.model), jax.tree.map(lambda a: a[0], state.model))
    broken = copied(state)
    broken = broken._replace(
        model=broken.model._replace(readout=jax.tree.map(lambda a: a * jnp.nan, broken.model.readout))
    )
    after = trainer.advance(broken, 5)
    assert after.finite.tolist() == [False, False] and after.step.tolist() == [3, 3]


def test_evaluations_are_the_same_at_every_call():
    trainer, state = trained(seeds=2)
    (loss, error), (again, _) = trainer.evaluate(state), trainer.evaluate(state)
    np.testing.assert_array_equal(loss, again)
    assert loss.shape == error.shape == (2,)


def test_a_confirmation_is_on_other_sequences_than_evaluations_and_fresh_after_every_step():
    """The mean of one batch of five, drawn and scored here."""
    trainer, state = Trainer(config(seeds=2, confirm=5)), trained(seeds=2)[1]
    asked = []
    loss, error = trainer.confirm(state, 3, lambda: asked.append(1))
    assert loss.shape == error.shape == (2,) and len(asked) == 1
    batch = trainer.task.batch(1, trainer.confirmation.number(3, 0), 5, held_out=True)
    model = jax.tree.map(lambda a: a[1], state.model)
    np.testing.assert_allclose(loss[1], trainer.task.loss(answers(trainer.cell, model, batch)[0], batch), rtol=1e-5)
    again, _ = trainer.confirm(state, 3, lambda: None)
    other, _ = trainer.confirm(state, 4, lambda: None)
    np.testing.assert_array_equal(loss, again)
    assert (loss != other).all() and (loss != trainer.evaluate(state)[0]).all()


@pytest.mark.parametrize(
    ("remedies", "bounded"),
    [("gradient_noise(1.0)+clip_norm(0.01)", True), ("clip_norm(0.01)+gradient_noise(1.0)", False)],
)
def test_remedies_that_change_the_gradient_come_before_the_optimizer_in_the_order_of_the_list(remedies, bounded):
    """Noise before a clip is clipped, noise behind it is not; the learning rate comes last."""
    transformation, gradient = Trainer(config(remedies=remedies)).transformation(jnp.int32(0), 0.1), jnp.ones(100)
    updates, _ = transformation.update(gradient, transformation.init(gradient))
    norm = float(jnp.linalg.norm(updates))
    assert norm == pytest.approx(0.1 * 0.01, rel=1e-3) if bounded else norm > 0.5


NOISE_BEHIND_CLIP = "clip_norm_on_schedule(0.01, 0.001, steps=3)+gradient_noise(1.0)"


def test_a_training_with_noise_and_a_schedule_goes_on_from_a_checkpoint_with_the_same_bits(tmp_path):
    trainer, whole = trained(remedies=NOISE_BEHIND_CLIP, seeds=2)
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=1, identity="a")
    checkpoints.save(1, trainer.advance(trainer.start(), 1))
    step, restored = checkpoints.restore(trainer.start())
    assert step == 1
    assert same(trainer.advance(jax.tree.map(jnp.asarray, restored), 3), whole)
