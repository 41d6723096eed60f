"""Draws a batch, and reads what it shows and asks."""

import functools

import jax
import numpy as np

from recurrax.tasks.task import Task


@functools.cache
def compiled(task: Task):
    """Returns `batch` of a task as one program for all seeds and steps."""
    return jax.jit(task.batch, static_argnums=2, static_argnames="held_out")


def drawn(task: Task, batch_size: int, seed: int = 0, step: int = 0, **how):
    return jax.device_get(compiled(task)(seed, step, batch_size, **how))


@functools.cache
def judge(task: Task):
    """Returns `(outputs, batch) -> (loss, error)` of a task as one program."""
    return jax.jit(lambda outputs, batch: (task.loss(outputs, batch), task.error(outputs, batch)))


def ids(batch):
    """Returns the symbols that one-hot inputs show, and the lengths of the sequences."""
    np.testing.assert_array_equal(np.sort(batch.xs, -1)[..., -1:], 1)
    assert (batch.xs.sum(-1) == 1).all()
    return batch.xs.argmax(-1), lengths(batch)


def lengths(batch):
    return np.full(batch.xs.shape[1], len(batch.xs)) if batch.mask is None else batch.mask.sum(0)


def asked_at_the_end(batch):
    """Checks that the answer is asked for at the last step that exists, and returns it."""
    length, size = batch.weights.shape
    last = lengths(batch) - 1
    np.testing.assert_array_equal(batch.weights, np.arange(length)[:, None] == last)
    return batch.targets[last, np.arange(size)]
