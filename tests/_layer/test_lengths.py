"""Lengths as a mask in either order; what a run makes of it is in `test_apply.py`."""

import jax.numpy as jnp
import numpy as np

from recurrax._layer.lengths import existing

LENGTHS = jnp.array([2, 0])
WITHIN = np.array([[True, True, False], [False, False, False]])


def test_steps_within_the_lengths_exist_unless_the_mask_says_no():
    mask = jnp.array([[True, False, True], [True, True, True]])
    np.testing.assert_array_equal(existing((2, 3), LENGTHS, None), WITHIN)
    np.testing.assert_array_equal(existing((2, 3), LENGTHS, mask), WITHIN & mask)
    np.testing.assert_array_equal(existing((3, 2), LENGTHS, mask.T, time_major=True), (WITHIN & mask).T)


def test_without_lengths_the_mask_is_all():
    mask = jnp.ones((2, 3), bool)
    assert existing((2, 3), None, mask) is mask and existing((2, 3), None, None) is None
