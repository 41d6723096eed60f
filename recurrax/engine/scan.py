"""The plain truth: `jax.lax.scan` over the step, differentiable in every way, the reference of all other executors."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax.cell import Carry, Cell
from recurrax.engine.executor import Executor
from recurrax.engine.run import Inputs, Run, one_step, over_steps
from recurrax._util.float_leaves import widened


@dataclasses.dataclass(frozen=True)
class Scan(Executor):
    """Executes a run step by step.

    A sequence in several calls, each with the carry of the one before, has the bits of one call.
    """

    def __call__(self, cell, run, *, reverse=False):
        if run.inputs.length == 1:
            return _single_step(cell, run)
        return _scan(cell, run, reverse)


def _scan(cell: Cell, run: Run, reverse: bool) -> tuple[Carry, Any]:
    return over_steps(_stepper(cell, run), run.carry, run.inputs, reverse=reverse)


def _stepper(cell: Cell, run: Run) -> Callable[[Carry, Inputs], tuple[Carry, Any]]:
    """Returns one step of the loop.

    A scan sums up the gradient of what all steps share, the weights and what resets restore, in its own dtype: so they
    are wide outside, and narrow again in each step.
    """
    wide, narrow = widened((run.weights, run.initial))

    def step(carry, inputs):
        weights, initial = narrow(wide)
        return one_step(cell, run._replace(weights=weights, initial=initial), carry, inputs)

    return step


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _single_step(cell: Cell, run: Run) -> tuple[Carry, Any]:
    """Executes a run of one step by the loop that a run of two has, ended early.

    XLA dissolves a loop of one step, fuses what is left with other things, and so rounds otherwise.
    """
    inputs = jax.tree.map(lambda a: jnp.concatenate([a, a]), run.inputs)
    shapes = jax.eval_shape(lambda: _scan(cell, run._replace(inputs=inputs), False))[1]
    step = _stepper(cell, run)

    def body(state):
        t, carry, ys = state
        x = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, t, keepdims=False), inputs)
        carry, y = step(carry, x)
        return t + 1, carry, jax.tree.map(lambda a, b: jax.lax.dynamic_update_index_in_dim(a, b, t, 0), ys, y)

    end = jax.lax.optimization_barrier(jnp.ones((), jnp.int32))
    start = (jnp.zeros((), jnp.int32), run.carry, jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), shapes))
    _, carry, ys = jax.lax.while_loop(lambda state: state[0] < end, body, start)
    return carry, jax.tree.map(lambda y: y[:1], ys)


@_single_step.defjvp
def _single_step_jvp(cell, primals, tangents):
    return jax.jvp(lambda run: _scan(cell, run, False), primals, tangents)
