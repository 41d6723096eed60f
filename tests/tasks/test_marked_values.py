"""What the adding and the multiplication task share; their own tests hold every variant to its definition."""

import jax
import numpy as np
import pytest

from recurrax.tasks.marked_values import VARIANTS, draw, first_step_is_marked, least, steps


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_least_length_is_enough_and_the_longest_sequence_fits(variant):
    shortest, _ = least(variant)
    marked = jax.jit(lambda: draw(jax.random.key(0), variant, shortest, 256, -1.0, 7.0))()
    assert marked.xs.shape == (steps(variant, shortest), 256, 2)
    np.testing.assert_array_equal((marked.xs[..., 1] == 1).sum(0), 2)
    if marked.lengths is not None:
        assert marked.lengths.min() >= shortest and marked.lengths.max() == steps(variant, shortest)


def test_a_marked_first_step_is_neutral_as_often_as_is_said():
    marked = jax.jit(lambda: draw(jax.random.key(0), "hochreiter", 30, 20000, -1.0, 7.0))()
    neutral = np.asarray(marked.xs[0, :, 0] == 7.0)
    np.testing.assert_array_equal(neutral, marked.xs[0, :, 1] == 1)
    np.testing.assert_allclose(neutral.mean(), first_step_is_marked(30), rtol=0.05)
    np.testing.assert_array_equal(neutral, (marked.first == 7.0) | (marked.second == 7.0))
