"""The path that a run takes through state space, which every measurement linearises.

Time is counted in processing order: s_0 is the initial carry and s_t the state after t steps, also when a run goes
backwards over its input (`reverse`). Integer leaves of a carry have no derivative and are left out everywhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.cell import Carry, Cell, Params, Projected
from recurrax.engine.linearized import Pushforward, linearized
from recurrax.engine.products import first_step, products_of, refusal
from recurrax.engine.run import (
    Inputs,
    Run,
    emit_all,
    in_processing_order,
    project_all,
    make_run,
    states_of_all,
    transition,
)
from recurrax._util.float_leaves import float_leaves, float_merger


class Trajectory(NamedTuple):
    """A run with all its states, time first and in processing order."""

    run: Run
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
    run = make_run(cell, params, xs, carry, mask, resets, key)
    if reverse:
        run = run._replace(inputs=in_processing_order(run.inputs, reverse))
    z = project_all(cell, run)
    _, states = states_of_all(cell, run.weights, run.initial, run.carry, z, run.inputs)
    return Trajectory(run, z, _from_the_start(run.carry, states))


def _from_the_start(carry: Carry, states: Carry) -> Carry:
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), carry, states)


class Linearized(NamedTuple):
    """A run whose steps are kept as linear maps."""

    path: Trajectory
    factors: list[jax.Array]
    """The weights of the products of a step."""
    pushforwards: Pushforward | None
    """One for every step; None for a cell whose steps have to be linearised again, one by one."""


def linearized_trajectory(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    mask: jax.Array | None = None,
    resets: jax.Array | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
) -> Linearized:
    """Runs the cell and keeps every state and every step's linear map; arguments as `recurrax.unroll`."""
    run = make_run(cell, params, xs, carry, mask, resets, key)
    if refusal(cell, run) is not None:
        return Linearized(trajectory(cell, params, xs, carry, mask, resets, reverse, key), [], None)
    run = run._replace(inputs=in_processing_order(run.inputs, reverse))
    z = project_all(cell, run)
    factors = [p.weight for p in products_of(cell, run.weights, *first_step(run.carry, z))]
    _, states, _, pushforwards = linearized(
        cell, False, factors, [[] for _ in factors], run.weights, run.initial, run.carry, z, run.inputs
    )
    return Linearized(Trajectory(run, z, _from_the_start(run.carry, states)), factors, pushforwards)


def step_pullback(
    cell: Cell, run: Linearized, pushforward: Pushforward | None, carry: Carry, z: Projected, inputs: Inputs
) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Returns the function from dL/ds_t to dL/ds_{t-1}, of float leaves, of the step that leaves `carry`."""
    weights, initial = run.path.run.weights, run.path.run.initial
    if pushforward is None:
        _, pullback = jax.vjp(step_function(cell, run.path.run, carry, z, inputs), float_leaves(carry))
        return lambda cotangents: pullback(cotangents)[0]
    arguments = [float_leaves(part) for part in (weights, initial, carry, z)]
    transposed = jax.linear_transpose(pushforward.push(weights, initial, run.factors, z), *arguments, [])
    return lambda cotangents: transposed(cotangents)[2]


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
    return emit_all(cell, path.run.weights, states_after(path), path.z, path.run.inputs)


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

    def of_floats(floats):
        return float_leaves(emit_all(cell, path.run.weights, merge(floats), path.z, path.run.inputs))

    _, pullback = jax.vjp(of_floats, float_leaves(states))
    return pullback(cotangents)[0]


def step_function(
    cell: Cell, run: Run, carry: Carry, z: Projected, inputs: Inputs
) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Returns one step as a function of the float leaves of s_{t-1}, to be linearised; it gives those of s_t."""
    merge = float_merger(carry)

    def step(floats: list[jax.Array]) -> list[jax.Array]:
        return float_leaves(transition(cell, run.weights, run.initial, merge(floats), z, inputs))

    return step


def wide_dtype(arrays: list[jax.Array]) -> np.dtype:
    """Returns the real dtype to measure arrays in: the widest of theirs, at least float32."""
    return np.result_type(np.float32, *(jnp.finfo(a.dtype).dtype for a in arrays))
