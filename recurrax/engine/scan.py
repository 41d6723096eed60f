"""The plain truth: `jax.lax.scan` over the step, differentiable in every way, the reference of all other executors."""

from typing import Any

import jax

from recurrax.cells.cell import Carry, Cell
from recurrax.engine.recurrence import Recurrence, emit, project, transition


def scan(cell: Cell, run: Recurrence, *, reverse: bool = False) -> tuple[Carry, Any]:
    """Executes the run step by step.

    Returns:
      The final carry and the outputs `[T, *B, ...]`, in the order of the inputs.
    """

    def step(carry, inputs):
        z = project(cell, run.weights, inputs)
        carry = transition(cell, run.weights, run.initial, carry, z, inputs)
        return carry, emit(cell, run.weights, carry, z, inputs)

    return jax.lax.scan(step, run.carry, run.inputs, reverse=reverse)
