"""The base of tasks: losses and errors of what is asked, and who is asked; `test_every_task.py` tries it on all."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.tasks.adding import Adding
from recurrax.tasks.copy import Copy
from recurrax.tasks.mnist_1d import MNIST1D
from recurrax.tasks.task import Batch, Solved, at_the_end, check_length, with_priors


def test_only_what_is_asked_counts_and_by_its_share():
    outputs = np.array([[[1.0], [np.nan]], [[3.0], [2.0]]], np.float32)
    targets, weights = np.zeros((2, 2, 1), np.float32), np.array([[1.0, 0.0], [2.0, 1.0]], np.float32)
    batch = Batch(np.zeros((2, 2, 1), np.float32), targets, weights)
    assert Adding().loss(outputs, batch) == pytest.approx((1 + 2 * 9 + 4) / 4)
    assert Adding().error(outputs, batch) == 1
    judged = batch._replace(judged=np.array([[False, False], [True, False]]))
    outputs[1, 0] = 0.04
    assert Adding().error(outputs, judged) == 0


def test_a_class_is_wrong_where_another_has_the_greatest_score():
    scores = np.array([[[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]], np.float32)
    targets = np.array([[1, 1]], np.int32)
    task = Copy(5, symbols=2)
    np.testing.assert_array_equal(task.wrong(scores, targets), [[False, True]])
    expected = np.log(np.exp(scores).sum(-1)) - np.take_along_axis(scores, targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(task.losses(scores, targets), expected, rtol=1e-6)


def test_the_last_step_that_exists_is_asked():
    asked = at_the_end(3, np.array([4, 5]), np.array([2, 3]))
    np.testing.assert_array_equal(asked["weights"], [[0, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(asked["mask"], [[True, True], [True, True], [False, True]])
    np.testing.assert_array_equal(asked["targets"], [[4, 5]] * 3)
    np.testing.assert_array_equal(at_the_end(2, np.array([4, 5]))["weights"], [[0, 0], [1, 1]])


def test_chance_is_the_entropy_and_the_largest_class():
    chance = with_priors([0.5, 0.25, 0.25, 0.0])
    assert chance.loss == pytest.approx(1.5 * math.log(2)) and chance.error == 0.5


def test_chance_is_a_mean_over_steps_by_how_often_they_are_asked_about():
    """Three quarters of the answers are known by the step, one quarter is a toss."""
    chance = with_priors([[0.75, 0.0], [0.125, 0.125], [0.0, 0.0]])
    assert chance.loss == pytest.approx(math.log(2) / 4) and chance.error == pytest.approx(1 / 8)


def test_solved_is_strictly_below():
    solved = Solved("error", 0.1)
    assert solved(5.0, 0.05) and not solved(0.0, 0.1)


@pytest.mark.parametrize("shape", [(30, 8, 5), (30, 8, 2), (30, 8), (8, 30, 1), (30, 1, 1), (29, 8, 1)])
@pytest.mark.parametrize("of", ["loss", "error"])
def test_outputs_of_another_shape_are_refused_whose_loss_would_be_another(of, shape):
    """Zeros of width 5 gave five times the loss that zeros of width 1 give."""
    task = Adding(30)
    batch = task.batch(0, 0, 8)
    hint = "Time comes first" if shape == (8, 30, 1) else ""
    message = rf"outputs must have shape \(30, 8, 1\), .* of Adding\(.*, got {re.escape(str(shape))}\..*{hint}"
    with pytest.raises(ValueError, match=message):
        getattr(task, of)(np.zeros(shape, np.float32), batch)
    np.testing.assert_allclose(task.loss(np.zeros((30, 8, 1), np.float32), batch), np.mean(batch.targets[-1] ** 2))


def test_scores_for_more_classes_than_there_are_and_complex_ones_are_refused():
    task = Copy(5, symbols=3, count=2)
    batch = task.batch(0, 0, 4)
    with pytest.raises(ValueError, match=r"outputs must have shape \(9, 4, 4\)"):
        task.losses(np.zeros((9, 4, 5), np.float32), batch.targets)
    with pytest.raises(TypeError, match="outputs must be real numbers, got dtype complex64"):
        task.wrong(np.zeros((9, 4, 4), np.complex64), batch.targets)
    with pytest.raises(TypeError, match="outputs must be an array"):
        task.loss([[0.0]], batch)


@pytest.mark.parametrize("task", [Adding(30), MNIST1D()])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1, 0, 2), ValueError, "seed must be at least 0, got -1"),
        ((2**32, 0, 2), ValueError, r"seed must be at most 2\*\*32 - 1"),
        ((1.0, 0, 2), TypeError, "seed must be an integer, got 1.0"),
        ((jnp.int32(-1), 0, 2), ValueError, "seed must be at least 0, got -1"),
        ((0, -3, 2), ValueError, "step must be at least 0, got -3"),
        ((0, 0, -3), ValueError, "batch_size must be at least 1, got -3"),
        ((0, 0, 2.0), TypeError, "batch_size must be an integer, got 2.0"),
    ],
)
def test_what_names_no_batch_is_refused(task, arguments, error, message):
    with pytest.raises(error, match=message):
        task.batch(*arguments)


def test_what_draws_nothing_is_refused():
    with pytest.raises(TypeError, match="key must be a random key"):
        Adding(30).draw(0, 2)
    with pytest.raises(TypeError, match="key must be a random key"):
        Adding(30).draw(None, 2)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Adding(30).draw(jax.random.key(0), 0)


def test_the_greatest_seed_is_taken_as_it_is():
    a, b = (Adding(30).batch(seed, 0, 2).xs for seed in (2**32 - 1, 0))
    assert not np.array_equal(a, b)


def test_a_short_length_is_named():
    with pytest.raises(ValueError, match="length must be at least 51 for Adding, got 50: so it is"):
        check_length(Adding(50), 51, "so it is")
