"""Gradient norms of a model in training."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from experiments.training.model import Model, read
from recurrax import Cell, gradflow
from recurrax.tasks.task import Task


def measurable(cell: Cell) -> Cell:
    """Returns the cell without a wrapper that clips gradients, in which a norm would mean nothing.

    Parameters are the same with and without.
    """
    while cell.clips_gradients and "cell" in {field.name for field in dataclasses.fields(cell)}:  # pyright: ignore[reportArgumentType]
        cell = cell.cell  # pyright: ignore[reportAttributeAccessIssue]
    return cell


@functools.partial(jax.jit, static_argnums=(0, 1, 4))
def _log_norms(cell: Cell, task: Task, models: Model, seeds: jax.Array, size: int) -> jax.Array:
    def of_one(model_and_seed):
        model, seed = model_and_seed
        batch = task.batch(seed, 0, size, held_out=True)

        def loss(ys: Any, carry: Any) -> jax.Array:
            # Summed over the batch, so that examples do not share a scale.
            del carry
            return task.loss(read(model, ys), batch) * size

        return gradflow.gradient_norms(gradflow.trajectory(cell, model.cell, batch.xs, mask=batch.mask), loss).joint

    return jax.lax.map(of_one, (models, seeds))


def log_norms(cell: Cell, task: Task, models: Model, seeds: jax.Array, size: int) -> np.ndarray:
    """Returns the log norm of dL/ds_t `[S, T + 1, B]` on held-out sequences, L being the loss of the task, nats.

    Args:
      cell: the cell.
      task: the task.
      models: one per seed, with a leading axis `S`.
      seeds: `[S]`.
      size: held-out sequences `B`.
    """
    return np.asarray(_log_norms(measurable(cell), task, models, seeds, size))
