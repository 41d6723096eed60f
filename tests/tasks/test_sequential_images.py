import numpy as np
import pytest
from sklearn.datasets import load_digits

from recurrax.tasks.sequential_images import SequentialImages
from tests.tasks.reading import asked_at_the_end

VARIANTS = [SequentialImages(), SequentialImages(permuted=True, permutation_seed=3)]


def check(task, batch):
    digits = load_digits()
    order = np.random.default_rng(3).permutation(64) if task.permuted else np.arange(64)
    known = {(image.ravel()[order] / 16).astype(np.float32).tobytes(): n for n, image in enumerate(digits.images)}
    for x, label in zip(np.swapaxes(batch.xs, 0, 1), asked_at_the_end(batch), strict=True):
        assert digits.target[known[np.ascontiguousarray(x[:, 0]).tobytes()]] == label


def rows(batch):
    return {x.tobytes() for x in np.ascontiguousarray(np.swapaxes(np.asarray(batch.xs), 0, 1))}


def test_an_epoch_shows_every_image_once_and_the_next_one_in_another_order():
    task = SequentialImages()
    size = len(task.split.train.classes)
    assert size + len(task.split.test.classes) == 1797
    steps = -(-size // 100)
    first = [task.batch(0, step, 100) for step in range(steps)]
    assert len(set.union(*map(rows, first))) == len({x.tobytes() for x in task.split.train.xs})
    again = task.batch(0, steps, 100)
    assert (np.asarray(again.xs) != np.asarray(first[0].xs)).any()


def test_a_batch_may_be_larger_than_the_set():
    task = SequentialImages()
    size = len(task.split.train.classes)
    batch = task.batch(0, 1, 2 * size + 1)
    assert len(rows(batch)) == len({x.tobytes() for x in task.split.train.xs})


def test_what_is_held_out_is_never_trained_on_and_comes_in_order():
    task = SequentialImages()
    test = task.split.test
    batch = task.batch(0, 2, 50, held_out=True)
    np.testing.assert_array_equal(batch.targets[-1], test.classes[100:150])
    assert not rows(batch) & {x.tobytes() for x in task.split.train.xs}


def test_images_of_one_s_own_are_read_from_a_file(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (20, 4, 3), np.uint8),
        "y_train": np.arange(20) % 4,
        "x_test": rng.integers(0, 256, (8, 4, 3), np.uint8),
        "y_test": np.arange(8) % 4,
    }
    np.savez(tmp_path / "own.npz", **arrays)
    task = SequentialImages(str(tmp_path / "own.npz"))
    assert (task.length, task.input_size, task.output_size) == (12, 1, 4)
    np.testing.assert_allclose(task.split.train.xs[3, :, 0], arrays["x_train"][3].ravel() / 255, rtol=1e-6)
    assert task.chance.error == 0.75


def test_a_bad_field_is_named():
    with pytest.raises(TypeError, match="path must be a text, got 3"):
        SequentialImages(3)
    with pytest.raises(TypeError, match="permuted must be True or False"):
        SequentialImages(permuted="yes")
    with pytest.raises(FileNotFoundError, match=r"path must be an \.npz or a folder .*got '/nowhere'"):
        _ = SequentialImages("/nowhere").split
