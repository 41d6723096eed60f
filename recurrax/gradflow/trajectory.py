"""The path that a run takes through state space, which every measurement linearises.

Time is counted in processing order: s_0 is the initial carry and s_t the state after t steps, also when a run goes
backwards over its input (`reverse`). Integer leaves of a carry have no derivative and are left out everywhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.cells.cell import Carry, Cell, Params, Projected
from recurrax.engine.recurrence import Inputs, Recurrence, emit, project, recurrence, transition
from recurrax.floats import float_leaves, float_merger


class Trajectory(NamedTuple):
    """A run with all its states, time first and in processing order."""

    run: Recurrence
    z: Projected
    """Projected inputs of the T steps."""
    states: Carry
    """s_0 to s_T."""


def trajectory(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    mask: jax.Array | None = None,
    resets: jax.Array | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
) -> Trajectory:
    """Runs the cell and keeps every state; arguments as `recurrax.unroll`."""
    run = recurrence(cell, params, xs, carry, mask, resets, key)
    if reverse:
        run = run._replace(inputs=in_processing_order(run.inputs, reverse))
    z = jax.vmap(lambda inputs: project(cell, run.weights, inputs))(run.inputs)

    def step(carry, step_inputs):
        carry = transition(cell, run.weights, run.initial, carry, *step_inputs)
        return carry, carry

    _, states = jax.lax.scan(step, run.carry, (z, run.inputs))
    states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), run.carry, states)
    return Trajectory(run, z, states)


def in_processing_order(tree: Any, reverse: bool) -> Any:
    """Flips the time axis of every leaf where a run is reversed; its own inverse."""
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree) if reverse else tree


def batch_ndim(cell: Cell, path: Trajectory) -> int:
    """Returns the number of batch axes of the run."""
    return jax.tree.leaves(path.run.inputs.x)[0].ndim - 1 - cell.input_ndim


def states_before(path: Trajectory) -> Carry:
    """Returns s_0 to s_{T-1}, which the steps leave."""
    return jax.tree.map(lambda s: s[:-1] if len(s) > 1 else _none_of(s), path.states)


def states_after(path: Trajectory) -> Carry:
    """Returns s_1 to s_T, which the steps reach."""
    return jax.tree.map(lambda s: s[1:] if len(s) > 1 else _none_of(s), path.states)


def _none_of(s: jax.Array) -> jax.Array:
    """An empty array of no origin: XLA's CPU compiler aborts on an empty slice of the states of an empty run."""
    return jnp.zeros((0, *s.shape[1:]), s.dtype)


def outputs(cell: Cell, path: Trajectory) -> Any:
    """Returns y_1 to y_T in processing order."""
    return _emit_all(cell, path, states_after(path))


def output_pullback(cell: Cell, path: Trajectory, cotangents: list[jax.Array]) -> list[jax.Array]:
    """Returns, for s_1 to s_T, the gradient that reaches each through its own output.

    Args:
      cell: the cell.
      path: its run.
      cotangents: dL/dy for the float leaves of the outputs, time first.

    Returns:
      For every float leaf of the carry an array `[T, *B, ...]`.
    """
    states = states_after(path)
    merge = float_merger(states)
    _, pullback = jax.vjp(lambda floats: float_leaves(_emit_all(cell, path, merge(floats))), float_leaves(states))
    return pullback(cotangents)[0]


def _emit_all(cell: Cell, path: Trajectory, states: Carry) -> Any:
    weights = path.run.weights
    return jax.vmap(lambda s, z, inputs: emit(cell, weights, s, z, inputs))(states, path.z, path.run.inputs)


def step_function(
    cell: Cell, run: Recurrence, carry: Carry, z: Projected, inputs: Inputs
) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Returns one step as a function of the float leaves of s_{t-1}, to be linearised; it gives those of s_t."""
    merge = float_merger(carry)

    def step(floats: list[jax.Array]) -> list[jax.Array]:
        return float_leaves(transition(cell, run.weights, run.initial, merge(floats), z, inputs))

    return step


def wide_dtype(arrays: list[jax.Array]) -> np.dtype:
    """Returns the real dtype to measure arrays in: the widest of theirs, at least float32."""
    return np.result_type(np.float32, *(jnp.finfo(a.dtype).dtype for a in arrays))
