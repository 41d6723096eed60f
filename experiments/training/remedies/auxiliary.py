"""Remedies that give the network a second thing to learn."""

import dataclasses

import jax
import jax.numpy as jnp

from experiments.training.remedies._base import Remedy
from experiments.training.remedies._wrapped import length_of
from recurrax._util import checks


@dataclasses.dataclass(frozen=True)
class Reconstruct(Remedy):
    """Inputs of the last steps read back from the state at a random step, beside the task (Trinh et al. 2018).

    By a linear readout, where the paper has a second recurrent network.

    Attributes:
      weight: of the mean squared error.
      steps: how many inputs.
    """

    weight: float = 0.1
    steps: int = 8

    def __post_init__(self):
        checks.positive_int("steps", self.steps)

    def cell(self, cell, task):
        if self.steps > length_of(task):
            raise ValueError(f"Reconstruct must go back at most {length_of(task)} steps here, got steps={self.steps}.")
        return cell

    def parameters(self, task, width, key):
        shape = (width, self.steps * task.input_size)
        return {"reconstruct": jax.random.normal(key, shape) / jnp.sqrt(jnp.asarray(width, float))}

    def penalty(self, cell, model, task, batch, ys, key):
        end = jax.random.randint(key, (), self.steps, len(ys) + 1)
        past = jax.lax.dynamic_slice_in_dim(batch.xs, end - self.steps, self.steps)
        wanted = jnp.moveaxis(past, 0, 1).reshape(ys.shape[1], -1)
        read_back = jax.lax.dynamic_index_in_dim(ys, end - 1, keepdims=False) @ model.extra["reconstruct"]
        return self.weight * jnp.mean((read_back - wanted) ** 2)
