"""What a remedy is: the places in which it may enter a training."""

from typing import Any

import jax
import optax

from experiments.training.model import Model
from recurrax import Cell
from recurrax.tasks.task import Batch, Task


class Remedy:
    """A remedy that changes nothing; subclasses override what they change."""

    def cell(self, cell: Cell, task: Task) -> Cell:
        """Returns the cell to train in the place of `cell`.

        Raises:
          ValueError: it does not fit the cell.
        """
        del task
        return cell

    def transformation(self, key: jax.Array) -> optax.GradientTransformation | None:
        """Returns what the gradient goes through before it comes to the optimiser; None for nothing.

        Its state is part of the training's: it is saved, and every seed has its own.

        Args:
          key: for noise; another one for every training seed, and for every remedy of a list.
        """
        del key

    def optimizer(self) -> optax.GradientTransformationExtraArgs | None:
        """Returns what takes the optimiser's place; None for the one that the config names.

        Its `update` is given, beside what optax does, `value`, `value_fn`, `network` and `loss`, as
        `recurrax.training.hessian_free` has them.
        """

    def why_not(self, cell: Cell) -> str | None:
        """Returns why it does not go together with what all remedies made of the cell; None where it does."""
        del cell

    def unroll_arguments(self, cell: Cell, task: Task, seed: int) -> dict[str, Any]:
        """Returns arguments of `recurrax.unroll`, settled before the training from this seed begins."""
        del cell, task, seed
        return {}

    def parameters(self, task: Task, width: int, key: jax.Array) -> dict[str, Any]:
        """Returns parameters of its own, under its name; `width` is H, of the hidden states `ys`."""
        del task, width, key
        return {}

    def penalty(
        self, cell: Cell, model: Model, task: Task, batch: Batch, ys: jax.Array, key: jax.Array
    ) -> jax.Array | None:
        """Returns what is added to the loss."""
        del cell, model, task, batch, ys, key

    def constrain(self, cell: Cell, params: Any) -> Any:
        """Returns the cell's parameters after a step of the optimiser."""
        del cell
        return params

    def settle(self, cell: Cell, params: Any, batch: Batch, key: jax.Array) -> Any:
        """Returns the cell's parameters as they are used outside of training; `batch` is one of training."""
        del cell, batch, key
        return params
