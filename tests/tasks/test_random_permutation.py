import numpy as np
import pytest

from recurrax.tasks.random_permutation import RandomPermutation
from tests.tasks.reading import asked_at_the_end, ids

VARIANTS = [RandomPermutation(20), RandomPermutation(2, symbols=3)]


def check(task, batch):
    shown, _ = ids(batch)
    assert set(shown[0]) == {0, 1} and (shown[1:] >= 2).all()
    np.testing.assert_array_equal(asked_at_the_end(batch), shown[0])


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="length must be at least 2 for RandomPermutation, got 1"):
        RandomPermutation(1)
    with pytest.raises(ValueError, match="symbols must be at least 3, got 2"):
        RandomPermutation(symbols=2)
