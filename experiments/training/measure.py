"""How the gradient of a task's last answer fades or grows on its way back, in a model that trains."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

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


class Flow(NamedTuple):
    """How large the gradient of the last answer of each sequence is, by the distance from its step."""

    log_norms: Float[np.ndarray, "*S K+1 B"]
    """Log norm of dL/ds after the step k steps before that answer, for k = 0 to T, nats. NaN beyond the beginning of a
    sequence, and where it is not finite."""
    steps: Int[np.ndarray, "*S B"]
    """Distance of each sequence's initial state; -1 where the sequence is asked nothing."""

    @property
    def exists(self) -> np.ndarray:
        """Which distances lie within their sequence."""
        distance = np.arange(self.log_norms.shape[-2])[:, None]
        return distance <= self.steps[..., None, :]

    @property
    def sequences(self) -> int:
        """How many sequences are asked something."""
        return int((self.steps >= 0).sum())

    @property
    def not_finite(self) -> int:
        """How many sequences have a gradient that is not finite somewhere on its way."""
        return int((np.isnan(self.log_norms) & self.exists).any(-2).sum())

    @property
    def median(self) -> np.ndarray:
        """Median over the sequences, by distance; NaN where fewer than half of them have a norm."""
        count = (~np.isnan(self.log_norms)).sum(-1)
        ranked = np.sort(self.log_norms, axis=-1)  # NaN comes last; of two in the middle the lower, as one may be -inf
        middle = np.take_along_axis(ranked, np.maximum(count - 1, 0)[..., None] // 2, -1)[..., 0]
        return np.where(2 * count >= self.steps.shape[-1], middle, np.nan)


def together(flows: Sequence[Flow]) -> Flow:
    """Returns the flow through the sequences of all."""
    return Flow(*(np.concatenate(parts, axis=-1) for parts in zip(*flows, strict=True)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _log_norms(cell: Cell, task: Task, models: Model, batches: Batch) -> jax.Array:
    def of_one(model_and_batch):
        model, batch = model_and_batch

        def loss(ys: Any, carry: Any) -> jax.Array:
            # Summed over the batch, so that examples do not share a scale.
            del carry
            losses = task.losses(read(model, ys), batch.targets)
            return jnp.sum(jnp.where(_is_last(batch), losses, 0))

        return gradflow.gradient_norms(gradflow.trajectory(cell, model.cell, batch.xs, mask=batch.mask), loss).joint

    return jax.lax.map(of_one, (models, batches))


def _is_last(batch: Batch) -> jax.Array:
    """Tells which step of each sequence is the last one with an answer in the loss, `[T, B]`."""
    asked = _asked(batch)
    return asked & (jnp.cumsum(asked[::-1], 0)[::-1] == 1)


def _asked(batch: Batch) -> jax.Array:
    return (batch.weights > 0) & (True if batch.mask is None else batch.mask)


def _by_distance(batch: Batch, joint: np.ndarray) -> Flow:
    """Returns norms `[T + 1, B]` of one batch by distance instead of time; steps that do not exist are not counted."""
    asked = np.asarray(_asked(batch))
    length, size = asked.shape
    until = np.cumsum(asked[::-1], 0)[::-1] > 0  # steps up to the last answer
    taken = until if batch.mask is None else until & np.asarray(batch.mask)
    ahead = np.concatenate([np.cumsum(taken[::-1], 0)[::-1], np.zeros((1, size), int)])
    is_before = np.concatenate([until[:1], until])  # s_t for t up to the last answer
    log_norms = np.full((length + 1, size), np.nan)
    t, b = np.nonzero(is_before)
    log_norms[ahead[t, b], b] = joint[t, b]
    return Flow(log_norms, np.where(asked.any(0), ahead[0], -1))


def measure_flow(cell: Cell, task: Task, models: Model, seeds: jax.Array, size: int, dtype: str = "float64") -> Flow:
    """Measures the gradient of the last answer's loss with respect to the states before it, on held-out sequences.

    The loss of a whole task sums terms of many steps, each of which sends a gradient of its own; how such a sum changes
    with time says little about how one gradient does. This is that of one term: the last one of a sequence whose weight
    is not zero, unweighted.

    Args:
      cell: the cell.
      task: the task.
      models: one per seed, with a leading axis `S`.
      seeds: `[S]`.
      size: held-out sequences `B`.
      dtype: what models and sequences are cast to.

    Returns:
      The flow, with an axis `S` in front.
    """
    batches = _batches(task, seeds, size)
    with precision(dtype):
        joint = np.asarray(_log_norms(measurable(cell), task, cast(models, dtype), cast(batches, dtype)))
    of_seeds = [_by_distance(jax.tree.map(lambda a, n=n: a[n], batches), joint[n]) for n in range(len(joint))]
    return Flow(*(np.stack(parts) for parts in zip(*of_seeds, strict=True)))
