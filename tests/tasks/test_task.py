"""The base of tasks: losses and errors of what is asked, and who is asked; `test_every_task.py` tries it on all."""

import math

import numpy as np
import pytest

from recurrax.tasks.adding import Adding
from recurrax.tasks.copy import Copy
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
    np.testing.assert_array_equal(Copy(5).wrong(scores, targets), [[False, True]])
    expected = np.log(np.exp(scores).sum(-1)) - np.take_along_axis(scores, targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(Copy(5).losses(scores, targets), expected, rtol=1e-6)


def test_the_last_step_that_exists_is_asked():
    asked = at_the_end(3, np.array([4, 5]), np.array([2, 3]))
    np.testing.assert_array_equal(asked["weights"], [[0, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(asked["mask"], [[True, True], [True, True], [False, True]])
    np.testing.assert_array_equal(asked["targets"], [[4, 5]] * 3)
    np.testing.assert_array_equal(at_the_end(2, np.array([4, 5]))["weights"], [[0, 0], [1, 1]])


def test_chance_is_the_entropy_and_the_largest_class():
    chance = with_priors([0.5, 0.25, 0.25, 0.0])
    assert chance.loss == pytest.approx(1.5 * math.log(2)) and chance.error == 0.5


def test_solved_is_strictly_below():
    solved = Solved("error", 0.1)
    assert solved(5.0, 0.05) and not solved(0.0, 0.1)


def test_a_short_length_is_named():
    with pytest.raises(ValueError, match="length must be at least 51 for Adding, got 50"):
        check_length(Adding(50), 51)
