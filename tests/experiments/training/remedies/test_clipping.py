import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training.remedies import make_remedies
from recurrax.training.clipping import global_norm
from tests.experiments.training.small import remedies_of, trained, trains_and_changes_what_is_learned

BINDING = {
    "clip_norm": "(0.01)",
    "clip_norm_on_schedule": "(0.01, 0.001, steps=2)",
    "clip_value": "(0.001)",
    "clip_recurrent": "(0.0001)",
}
"""So tight that it binds, where a small network would else be left alone."""


@pytest.mark.parametrize("name", remedies_of("test_clipping"))
def test_every_one_trains_and_changes_what_is_learned(name):
    trains_and_changes_what_is_learned(name, BINDING[name])


def distance(a, b):
    squares = [np.sum((np.asarray(x) - np.asarray(y)) ** 2) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)]
    return np.sqrt(sum(squares))


def test_a_clipped_gradient_moves_parameters_by_no_more():
    trainer, _ = trained(remedies="clip_norm(0.01)")
    moved = distance(trainer.start().model, trainer.advance(trainer.start(), 1).model)
    np.testing.assert_allclose(moved, 0.1 * 0.01, rtol=1e-4)


def test_a_bound_on_a_schedule_falls_from_step_to_step_and_stays_at_the_last_value():
    """Of plain gradient descent the step is the learning rate times the bound."""
    trainer, _ = trained(remedies="clip_norm_on_schedule(0.01, 0.001, steps=2)")
    models = [jax.tree.map(np.asarray, trainer.advance(trainer.start(), n).model) for n in range(5)]
    moved = [distance(a, b) for a, b in itertools.pairwise(models)]
    np.testing.assert_allclose(moved, 0.1 * np.array([0.01, 0.01 / np.sqrt(10), 0.001, 0.001]), rtol=1e-3)


def test_the_norm_that_is_logged_is_that_before_any_remedy():
    norms = [trained(remedies=n + BINDING[n])[1].largest_gradient[0] for n in ("clip_norm", "clip_norm_on_schedule")]
    assert all(norm > 0.1 for norm in norms)


def test_the_transformations_are_what_they_say():
    gradient, key = {"w": jnp.array([3.0, -4.0])}, jax.random.key(0)
    (by_norm,), (by_value,) = make_remedies("clip_norm(1.0)"), make_remedies("clip_value(0.5)")
    for remedy, expected in ((by_norm, [0.6, -0.8]), (by_value, [0.5, -0.5])):
        transformation = remedy.transformation(key)
        got, _ = transformation.update(gradient, transformation.init(gradient))
        np.testing.assert_allclose(got["w"], expected, rtol=1e-6)
    assert global_norm(gradient) == 5.0


@pytest.mark.parametrize(
    "text", ["clip_norm_on_schedule(0.0)", "clip_norm_on_schedule(1.0, 1.0, steps=0)", "clip_value(-1.0)"]
)
def test_a_bad_bound_is_named(text):
    with pytest.raises(ValueError, match="must be (above 0|at least 1)"):
        make_remedies(text)
