import numpy as np
import pytest

from recurrax.tasks.mnist_1d import MNIST1D
from tests.tasks.reading import asked_at_the_end

VARIANTS = [MNIST1D(), MNIST1D(permuted=True)]
PUBLISHED = {
    "first": [-0.33200566736939013, -0.4719103656557236, -0.778697076293495],
    "last": [0.6598756470890784, 0.8777343497528006, 1.1931518368352758],
    "classes": [2, 6, 4, 5, 6, 6, 6, 0],
    "permuted": [1.0358740294925417, 0.4101984957624668, -0.8823525654053073],
}


def check(task, batch):
    split = task.split
    rows = {row.tobytes(): label for row, label in zip(split.train.xs, split.train.classes, strict=True)}
    for x, label in zip(np.swapaxes(batch.xs, 0, 1), asked_at_the_end(batch), strict=True):
        assert rows[np.ascontiguousarray(x).tobytes()] == label


def test_the_set_is_the_published_one():
    """First and last numbers of `mnist1d` 0.0.2, `make_dataset(get_dataset_args())`."""
    train, test = MNIST1D().split
    assert train.xs.shape == (4000, 40, 1) and test.xs.shape == (1000, 40, 1)
    np.testing.assert_allclose(train.xs[0, :3, 0], PUBLISHED["first"], rtol=1e-5)
    np.testing.assert_allclose(test.xs[-1, -3:, 0], PUBLISHED["last"], rtol=1e-5)
    assert train.classes[:8].tolist() == PUBLISHED["classes"]
    shuffled = MNIST1D(permuted=True).split.train.xs
    np.testing.assert_allclose(shuffled[0, :3, 0], PUBLISHED["permuted"], rtol=1e-5)


def test_a_bad_field_is_named():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        MNIST1D(seed=-1)
    with pytest.raises(TypeError, match="permuted must be True or False, got 1"):
        MNIST1D(permuted=1)
