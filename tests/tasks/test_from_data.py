import dataclasses
import functools

import jax
import numpy as np
import pytest

from recurrax.tasks.from_data import Examples, FromData, Split


@dataclasses.dataclass(frozen=True)
class Numbered(FromData):
    """Sequences that tell which they are, 7 to train on and 3 held out."""

    @functools.cached_property
    def split(self):
        xs = np.arange(10.0).reshape(10, 1, 1) * np.ones((1, 4, 1))
        return Split(Examples(xs[:7], np.arange(7) % 3), Examples(xs[7:], np.array([0, 0, 2])))


TASK = Numbered()


@functools.cache
def batches():
    return jax.jit(lambda seed, step: TASK.batch(seed, step, 5).xs[0, :, 0])


def numbers(step, seed=0):
    return list(np.asarray(batches()(seed, step)))


def test_epochs_are_shuffles_that_batches_cut_anywhere():
    seen = [n for step in range(7) for n in numbers(step)]
    epochs = [seen[n : n + 7] for n in range(0, 35, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1 and numbers(0, seed=1) != numbers(0)


def test_what_is_held_out_comes_in_order_and_from_the_first_again():
    batch = TASK.batch(0, 1, 2, held_out=True)
    np.testing.assert_array_equal(batch.xs[:, :, 0], [[9, 7]] * 4)
    np.testing.assert_array_equal(batch.targets[-1], [2, 0])


def test_draws_are_from_what_is_trained_on_with_their_classes():
    batch = TASK.draw(jax.random.key(0), 100)
    drawn = np.asarray(batch.xs[0, :, 0]).astype(int)
    assert set(drawn) == set(range(7))
    np.testing.assert_array_equal(batch.targets[-1], drawn % 3)


def test_sizes_and_chance_are_read_off_the_sequences():
    assert (TASK.input_size, TASK.output_size) == (1, 3)
    assert TASK.chance.error == pytest.approx(1 / 3)


def test_the_base_has_no_sequences():
    with pytest.raises(NotImplementedError):
        _ = FromData.split.fget(TASK)
