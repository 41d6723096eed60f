"""Gradient norms of a model in training."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from experiments.common.precision import cast, precision
from experiments.training.model import Model, read
from recurrax import Cell, gradflow
from recurrax.tasks.task import Batch, Task


def measurable(cell: Cell) -> Cell:
    """Returns the cell without a wrapper that clips gradients, in which a norm would mean nothing.

    Parameters are the same with and without.
    """
    while cell.clips_gradients and "cell" in {field.name for field in dataclasses.fields(cell)}:  # pyright: ignore[reportArgumentType]
        cell = cell.cell  # pyright: ignore[reportAttributeAccessIssue]
    return cell


@functools.partial(jax.jit, static_argnums=(0, 2))
def _batches(task: Task, seeds: jax.Array, size: int) -> Batch:
    return jax.lax.map(lambda seed: task.batch(seed, 0, size, held_out=True), seeds)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _log_norms(cell: Cell, task: Task, models: Model, batches: Batch) -> jax.Array:
    def of_one(model_and_batch):
        model, batch = model_and_batch

        def loss(ys: Any, carry: Any) -> jax.Array:
            # Summed over the batch, so that examples do not share a scale.
            del carry
            return task.loss(read(model, ys), batch) * batch.xs.shape[1]

        return gradflow.gradient_norms(gradflow.trajectory(cell, model.cell, batch.xs, mask=batch.mask), loss).joint

    return jax.lax.map(of_one, (models, batches))


def log_norms(cell: Cell, task: Task, models: Model, seeds: jax.Array, size: int, dtype: str = "float64") -> np.ndarray:
    """Returns the log norm of dL/ds_t `[S, T + 1, B]` on held-out sequences, L being the loss of the task, nats.

    Args:
      cell: the cell.
      task: the task.
      models: one per seed, with a leading axis `S`.
      seeds: `[S]`.
      size: held-out sequences `B`.
      dtype: what models and sequences are cast to.
    """
    batches = _batches(task, seeds, size)
    with precision(dtype):
        return np.asarray(_log_norms(measurable(cell), task, cast(models, dtype), cast(batches, dtype)))
