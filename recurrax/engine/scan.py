"""The plain truth: `jax.lax.scan` over the step, differentiable in every way, the reference of all other executors."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import widened
from recurrax.cell import Carry
from recurrax.engine.executor import Executor
from recurrax.engine.meshes import as_tangents, varying, varying_axes
from recurrax.engine.run import Inputs, Run, one_step, over_steps


@dataclasses.dataclass(frozen=True)
class Scan(Executor):
    """Executes a run step by step.

    A sequence in several calls, each with the carry of the one before, has the bits of one call.
    """

    def __call__(self, run):
        if run.length == 1:
            return _single_step(run)
        return _scan(run)


def _scan(run: Run) -> tuple[Carry, Any]:
    return over_steps(_stepper(run), run.carry, run.inputs, reverse=run.reverse, platform=run.platform)


def _stepper(run: Run) -> Callable[[Carry, Inputs], tuple[Carry, Any]]:
    """Returns one step of the loop.

    A scan sums up the gradient of what all steps share, the weights and what resets restore, in its own dtype: so they
    are wide outside, and narrow again in each step.
    """
    wide, narrow = widened((run.weights, run.initial))

    def step(carry, inputs):
        weights, initial = narrow(wide)
        return one_step(run.replace(weights=weights, initial=initial), carry, inputs)

    return step


@jax.custom_jvp
def _single_step(run: Run) -> tuple[Carry, Any]:
    """Executes a run of one step by the loop that a run of two has, ended early.

    XLA dissolves a loop of one step, fuses what is left with other things, and so rounds otherwise.
    """
    inputs = jax.tree.map(lambda a: jnp.concatenate([a, a]), run.inputs)
    shapes = jax.eval_shape(lambda: _scan(run.replace(inputs=inputs)))[1]
    step = _stepper(run)

    def body(state):
        t, carry, ys = state
        x = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, t, keepdims=False), inputs)
        carry, y = step(carry, x)
        return t + 1, carry, jax.tree.map(lambda a, b: jax.lax.dynamic_update_index_in_dim(a, b, t, 0), ys, y)

    end = jax.lax.optimization_barrier(jnp.ones((), jnp.int32))
    zeros = jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), shapes)
    start = (jnp.zeros((), jnp.int32), run.carry, varying(zeros, varying_axes(run)))
    _, carry, ys = jax.lax.while_loop(lambda state: state[0] < end, body, start)
    return carry, jax.tree.map(lambda y: y[:1], ys)


@_single_step.defjvp
def _single_step_jvp(primals, tangents):
    out, d_out = jax.jvp(_scan, primals, tangents)
    return out, as_tangents(d_out, out)
