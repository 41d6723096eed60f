"""States of a run whose two loops an implementation executes, and their derivatives of every kind and order.

The states solve s_t = F(s_{t-1}, z_t, weights). Of their tangents, what does not come from the state before is taken
for all steps at once; the rest is a linear system,

    ds_t - J_t ds_{t-1} = dF_t,

whose transposed solution is the backward loop. `jax.lax.custom_linear_solve` makes of these two all that JAX asks for.
Nothing but the states is kept for the backward pass: the products of all steps are one large product then, which is
faster than to write and read them within the loop.
"""

import functools

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, PerUnit
from recurrax.engine.kernel.implementation import Implementation, Problem
from recurrax.engine.kernel.reference import wide
from recurrax.engine.overflow import infinite_unless
from recurrax.engine.run import over_steps


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def states(implementation: Implementation, step: ElementwiseStep, problem: Problem) -> PerUnit:
    """Returns s_1 to s_T, `[T, N, D, E]` each, in the dtype of the carry."""
    return _over_models(implementation.forward, step)(problem)


@states.defjvp
def _states_jvp(implementation: Implementation, step: ElementwiseStep, primals, tangents):
    (problem,), (d_problem,) = primals, tangents
    found = states(implementation, step, problem)
    earlier = jax.tree.map(lambda s: s[:-1], found)
    # A zero that comes back from a mask or a reset has to stay zero where the state is not finite.
    known = _zero_unless_finite if step.flags else _as_they_are
    problem = problem._replace(z=known(problem.z))

    def before(carry: PerUnit) -> PerUnit:
        return known(tuple(jnp.concatenate([a[None], s]) for a, s in zip(carry, earlier, strict=True)))

    # Recomputed when a gradient is taken, not kept until then.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def of_inputs(problem: Problem) -> PerUnit:
        return _all_steps(step, problem, before(problem.carry))[0]

    _, d_inputs = jax.jvp(of_inputs, (problem,), (d_problem,))
    given = before(problem.carry)

    def residual(d_states: PerUnit) -> PerUnit:
        d_before = jax.tree.map(lambda d: jnp.concatenate([jnp.zeros_like(d[:1]), d[:-1]]), d_states)
        return jax.tree.map(jnp.subtract, d_states, _pushed(step, problem, given, d_before))

    def solve(_, d_inputs: PerUnit) -> PerUnit:
        def advance(d_carry, inputs):
            d_input, z, carry, d_carry = jax.tree.map(lambda a: a[None], (*inputs, d_carry))
            moved = _pushed(step, problem._replace(z=z), carry, d_carry)
            d_carry = jax.tree.map(lambda a, b: (a + b)[0], d_input, moved)
            return d_carry, d_carry

        start = jax.tree.map(lambda d: jnp.zeros_like(d[0]), d_inputs)
        return over_steps(advance, start, (d_inputs, problem.z, given))[1]

    def solve_transposed(_, cotangents: PerUnit) -> PerUnit:
        _, products = _all_steps(step, problem, given)
        products = tuple(tuple(g.astype(w.dtype) for g in p) for p, w in zip(products, problem.weights, strict=True))
        return _over_models(implementation.backward, step)(problem, given, products, cotangents)

    d_states = jax.lax.custom_linear_solve(residual, d_inputs, solve, solve_transposed)
    if step.flags:
        d_states = jax.tree.map(lambda d, s: infinite_unless(jnp.isfinite(s), d), d_states, found)
    return found, d_states


def _as_they_are(arrays: PerUnit) -> PerUnit:
    return arrays


def _zero_unless_finite(arrays: PerUnit) -> PerUnit:
    return jax.tree.map(lambda a: jnp.where(jnp.isfinite(a), a, 0), arrays)


def _all_steps(step: ElementwiseStep, problem: Problem, before: PerUnit) -> tuple[PerUnit, list[PerUnit]]:
    """Returns s_1 to s_T from s_0 to s_{T-1}, and the products of all steps."""
    constants = tuple(jnp.broadcast_to(a, before[0].shape) for a in problem.constants)

    def multiply(stage, operand):
        return _multiplied(problem.weights[stage], operand)

    return step.advance(constants, before, wide(problem.z), multiply)


def _pushed(step: ElementwiseStep, problem: Problem, before: PerUnit, d_before: PerUnit) -> PerUnit:
    """Returns J_t ds_{t-1}."""
    return jax.jvp(lambda before: _all_steps(step, problem, before)[0], (before,), (d_before,))[1]


def _multiplied(weight: jax.Array, operands: jax.Array) -> PerUnit:
    """Returns the gates of all steps, rounded as they are read by the backward loop, and so are their cotangents."""
    length, groups = operands.shape[:2]
    by_set = operands.astype(weight.dtype).reshape(length, weight.shape[0], -1, *operands.shape[-2:])
    product = jnp.einsum("wgij,twsjb->gtwsib", weight, by_set)
    return tuple(wide(product).reshape(len(product), length, groups, *operands.shape[-2:]))


def _over_models(execute, step: ElementwiseStep):
    """Returns a loop for which `vmap` means more groups: of more weights, if these are mapped, too."""

    @custom_vmap
    def loop(problem: Problem, *rest):
        return execute(step, problem, *rest)

    @loop.def_vmap
    def _(axis_size, in_batched, problem, *rest):
        flat, treedef = jax.tree.flatten((problem, *rest))
        mapped = jax.tree.leaves(in_batched)
        whole = [a if m else jnp.broadcast_to(a, (axis_size, *a.shape)) for a, m in zip(flat, mapped, strict=True)]
        problem, *rest = treedef.unflatten(whole)

        def of_steps(tree):
            return jax.tree.map(lambda a: jnp.moveaxis(a, 0, 1).reshape(a.shape[1], -1, *a.shape[3:]), tree)

        def of_run(tree):
            return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), tree)

        shared = not any(jax.tree.leaves(in_batched[0].weights)) and all(w.shape[1] == 1 for w in problem.weights)
        weights = tuple(w[0] for w in problem.weights) if shared else of_run(problem.weights)
        folded = Problem(of_steps(problem.z), of_run(problem.constants), of_run(problem.carry), weights)
        found = loop(folded, *of_steps(tuple(rest)))
        parted = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(len(a), axis_size, -1, *a.shape[2:]), 1, 0), found)
        return parted, jax.tree.map(lambda _: True, parted)

    return loop
