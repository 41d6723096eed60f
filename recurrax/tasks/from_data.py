"""Tasks whose sequences are a given set: batches are drawn from shuffled epochs."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.tasks.task import Batch, Classification, at_the_end, check_batch, with_priors


class Examples(NamedTuple):
    """Sequences with a class each."""

    xs: np.ndarray
    """`[N, T, D]`."""
    classes: np.ndarray
    """`[N]`."""


class Split(NamedTuple):
    """What is trained on, and what is held out."""

    train: Examples
    test: Examples


class FromData(Classification):
    """Tells the class of a given sequence after its last step; a subclass gives `split`."""

    @property
    def split(self) -> Split:
        """The sequences."""
        raise NotImplementedError

    @property
    def input_size(self):
        """Features of a step."""
        return self.split.train.xs.shape[-1]

    @property
    def output_size(self):
        """One score per class."""
        return int(self.split.train.classes.max()) + 1

    @property
    def held_out_size(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """Sequences that are not trained on."""
        return len(self.split.test.classes)

    @property
    def chance(self):
        """Always the shares of the classes that are held out, and the largest class."""
        return with_priors(np.bincount(self.split.test.classes) / len(self.split.test.classes))

    def _draw(self, key, batch_size):
        """Draws from what is trained on, with replacement."""
        rows = jax.random.randint(key, (batch_size,), 0, len(self.split.train.classes))
        return self._batch(self.split.train, rows)

    def batch(self, seed, step, batch_size, *, held_out=False):
        """Returns the batch of a training step: every epoch is a shuffle of all sequences, cut into batches.

        Held-out sequences come in the order of the set, from number `step * batch_size` on, and from the first again.
        """
        check_batch(seed, step, batch_size, held_out)
        if held_out:
            rows = step * batch_size + jnp.arange(batch_size)
            return self._batch(self.split.test, rows % len(self.split.test.classes))
        size = len(self.split.train.classes)
        key = jax.random.key(seed)
        first = step * batch_size
        # A batch meets at most so many epochs; each is shuffled once.
        epochs = first // size + jnp.arange(1 + -(-(batch_size - 1) // size))
        orders = jax.vmap(lambda epoch: jax.random.permutation(jax.random.fold_in(key, epoch), size))(epochs)
        positions = first + jnp.arange(batch_size)
        return self._batch(self.split.train, orders[positions // size - epochs[0], positions % size])

    def _batch(self, examples: Examples, rows: jax.Array) -> Batch:
        xs = jnp.swapaxes(jnp.asarray(examples.xs, float)[rows], 0, 1)
        return Batch(xs, **at_the_end(len(xs), jnp.asarray(examples.classes, jnp.int32)[rows]))
