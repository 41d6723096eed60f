"""Any cell about as fast as hand-written code: what does not have to wait for the carry is done for all steps at once.

For derivatives, the inputs of all steps are projected in one product, and a step is cut at its products op(a_k, W_k) = r_k:

    s_t, a_1..a_K = between(s_{t-1}, z_t, r_1..r_K)

    ds_t, da_1..da_K = J_t (ds_{t-1}, dz_t, dr_1..dr_K),    dr_k = op(da_k, W_k) + op(a_k, dW_k)

The last term does not wait for the carry either: all its steps are one product before the tangents' scan. So is its
transpose, the gradient of W_k, after the backward scan, which JAX derives. J_t is kept as the outputs of costly
functions; sums and products are done again. As all of this is a rule for tangents, made of functions that can be
differentiated themselves, forward mode, reverse mode and any order of both are exact.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recurrax.cells.cell import Carry, Cell, Projected, Weights
from recurrax.engine.recurrence import Inputs, Recurrence, emit, project, transition
from recurrax.engine.scan import scan
from recurrax.floats import at_least_float32, float_leaves, float_merger, is_float

_COSTLY = frozenset(
    (
        *("tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "pow", "sqrt", "rsqrt", "cbrt", "div"),
        *("erf", "erfc", "erf_inv", "lgamma", "digamma", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
        *("sinh", "cosh", "asinh", "acosh", "atanh", "reduce_sum", "sort", "dot_general", "conv_general_dilated"),
    )
)
"""Primitives whose outputs are kept: dearer to compute again than to read back."""


def fused(cell: Cell, run: Recurrence, *, reverse: bool = False) -> tuple[Carry, Any]:
    """Executes the run step by step as `scan` does; derivatives are taken for all steps at once.

    A run that is not differentiated has the bits of `scan`, whatever the number of steps: a product over all steps may
    round otherwise than one over a few.

    Returns:
      The final carry and the outputs `[T, *B, ...]`, in the order of the inputs.
    """
    return _run(cell, reverse, run)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _run(cell: Cell, reverse: bool, run: Recurrence) -> tuple[Carry, Any]:
    return scan(cell, run, reverse=reverse)


@_run.defjvp
def _run_jvp(cell: Cell, reverse: bool, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    return jax.jvp(functools.partial(_hoisted, cell, reverse), primals, tangents)


def _hoisted(cell: Cell, reverse: bool, run: Recurrence) -> tuple[Carry, Any]:
    """Projects, and computes outputs, for all steps at once."""
    z = _projected(cell, run)
    flags = run.inputs._replace(x=None, key=None)
    final, states = _states(cell, reverse, run.weights, run.initial, run.carry, z, flags)
    return final, jax.vmap(lambda s, z, flags: emit(cell, run.weights, s, z, flags))(states, z, flags)


def products_per_step(cell: Cell, run: Recurrence) -> int:
    """Returns how many products with a weight a step has, whose gradients can wait."""
    count: list[int] = []
    jax.eval_shape(lambda *state: count.append(len(_products(cell, *state))), *_shapes(cell, run))
    return count[0]


def refusal(cell: Cell, run: Recurrence) -> str | None:
    """Says why `fused` cannot execute the run, None where it can."""
    weights, carry, z = _shapes(cell, run)
    try:
        # Values of an inner trace that is over by then show as constants, or are found out by JAX.
        traced = jax.make_jaxpr(lambda *state: [(-p.operand, -p.weight) for p in _products(cell, *state)])(
            weights, carry, z
        )
        nested = any(isinstance(constant, Tracer) for constant in traced.consts)
    except jax.errors.UnexpectedTracerError:
        nested = True
    if nested:
        return "step calls dot inside another transformation (jit, scan, vmap, checkpoint), not at its top level"

    def weights_for_two(weights, carry, z):
        twice = jax.tree.map(lambda a: jnp.stack([a, a]), (carry, z))
        return jax.vmap(lambda state: [p.weight for p in _products(cell, weights, *state)], out_axes=None)(twice)

    try:
        jax.eval_shape(weights_for_two, weights, carry, z)
    except ValueError:  # what is returned unmapped would have to be mapped
        return "step gives dot a weight that depends on the carry or the input"
    return None


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _states(
    cell: Cell, reverse: bool, weights: Weights, initial: Carry, carry: Carry, z: Projected, flags: Inputs
) -> tuple[Carry, Carry]:
    """Returns s_T, and s_1 to s_T in the order of the inputs."""

    def step(carry, step_inputs):
        carry = transition(cell, weights, initial, carry, *step_inputs)
        return carry, carry

    return jax.lax.scan(step, carry, (z, flags), reverse=reverse)


@_states.defjvp
def _states_jvp(cell: Cell, reverse: bool, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    weights, initial, carry, z, _ = primals
    d_weights, d_initial, d_carry, d_z, _ = (_float_tangents(p, t) for p, t in zip(primals, tangents, strict=True))
    final, states, operands, pushforwards = _linearized(cell, reverse, *primals)

    with_floats = float_merger(weights)
    ops: list = []

    def matrices(floats):
        products = _products(cell, with_floats(floats), *_first_step(carry, z))
        ops[:] = [p.op for p in products]
        return [p.weight for p in products]

    factors, d_factors = jax.jvp(matrices, (float_leaves(weights),), (d_weights,))
    through_weights = [jax.vmap(op, (0, None))(a, dw) for op, a, dw in zip(ops, operands, d_factors, strict=True)]
    # A gradient that is summed up over the steps has to be so in float32 at least.
    wide = jax.tree.map(at_least_float32, (d_weights, d_initial))

    def push(d_carry, step):
        pushforward, d_z, through = step
        small = jax.tree.map(lambda a, like: a.astype(like.dtype), wide, (d_weights, d_initial))
        d_products = [jnp.zeros_like(d) for d in through]
        for k, (op, factor) in enumerate(zip(ops, factors, strict=True)):
            _, d_operands = pushforward.push(weights, initial)(*small, d_carry, d_z, d_products)
            d_products[k] = op(d_operands[k], factor) + through[k]
        d_carry, _ = pushforward.push(weights, initial)(*small, d_carry, d_z, d_products)
        return d_carry, d_carry

    d_final, d_states = jax.lax.scan(push, d_carry, (pushforwards, d_z, through_weights), reverse=reverse)
    return (final, states), (_all_tangents(final, d_final), _all_tangents(states, d_states))


def _linearized(cell, reverse, weights, initial, carry, z, flags):
    """Runs the cell and linearises every step between its products.

    Returns:
      s_T, s_1 to s_T, the products' operands, and the `Pushforward`s, the last three for all steps.
    """

    def step(carry, step_inputs):
        z, flags = step_inputs
        products: list[jax.Array] = []

        def multiply(operand, weight, op=jnp.dot):
            products.append(op(operand, weight))
            return products[-1]

        new = transition(cell, weights, initial, carry, z, flags, multiply)
        parts = (weights, initial, carry, z)
        mergers = [float_merger(part) for part in parts]

        def between(*arguments):
            *floats, given = arguments
            operands, given = [], iter(given)

            def substitute(operand, weight, op=jnp.dot):
                del weight, op
                operands.append(operand)
                return next(given)

            w, i, c, zt = (merge(part) for merge, part in zip(mergers, floats, strict=True))
            return float_leaves(transition(cell, w, i, c, zt, flags, substitute)), operands

        kept = jax.checkpoint(between, policy=lambda primitive, *_, **__: primitive.name in _COSTLY, prevent_cse=False)
        (_, operands), pushforward = jax.linearize(kept, *map(float_leaves, parts), products)
        return new, (new, operands, Pushforward.of(pushforward, weights, initial))

    final, (states, operands, pushforwards) = jax.lax.scan(step, carry, (z, flags), reverse=reverse)
    return final, states, operands, pushforwards


@functools.partial(jax.tree_util.register_dataclass, data_fields=["residuals"], meta_fields=["treedef", "shared"])
@dataclasses.dataclass(frozen=True)
class Pushforward:
    """A linear map that `jax.linearize` gave, as arrays that a scan may stack: those of the weights are left out."""

    residuals: list[jax.Array]
    treedef: Any
    shared: tuple[int | None, ...]
    """For every leaf the number of the invariant leaf that it is, or None."""

    @classmethod
    def of(cls, linear: Any, *invariant: Any) -> "Pushforward":
        """Takes a linear map apart; leaves of `invariant` pytrees, the same at every step, are not kept."""
        leaves, treedef = jax.tree.flatten(linear)
        place = {id(leaf): n for n, leaf in enumerate(jax.tree.leaves(invariant))}
        shared = tuple(place.get(id(leaf)) for leaf in leaves)
        return cls([leaf for leaf, n in zip(leaves, shared, strict=True) if n is None], treedef, shared)

    def push(self, *invariant: Any) -> Any:
        """Returns the linear map; `invariant` as it was given to `of`."""
        rest, known = iter(self.residuals), jax.tree.leaves(invariant)
        return self.treedef.unflatten([next(rest) if n is None else known[n] for n in self.shared])


class _Product(NamedTuple):
    """A product in a step."""

    operand: jax.Array
    weight: jax.Array
    op: Any


def _products(cell: Cell, weights: Weights, carry: Carry, z: Projected) -> list[_Product]:
    """Returns the products that a step does through `dot`."""
    found: list[_Product] = []

    def record(operand, weight, op=jnp.dot):
        found.append(_Product(operand, weight, op))
        return op(operand, weight)

    cell.step(weights, carry, z, record)
    return found


def _projected(cell: Cell, run: Recurrence) -> Projected:
    return jax.vmap(lambda inputs: project(cell, run.weights, inputs))(run.inputs)


def _shapes(cell: Cell, run: Recurrence) -> tuple[Weights, Carry, Projected]:
    """Returns what a step is given, as shapes and dtypes."""

    def arguments(run):
        return run.weights, *_first_step(run.carry, _projected(cell, run))

    return jax.eval_shape(arguments, run)


def _first_step(carry: Carry, z: Projected) -> tuple[Carry, Projected]:
    """Returns zeros in the place of a step's carry and projected input."""
    return jax.tree.map(jnp.zeros_like, carry), jax.tree.map(lambda a: jnp.zeros(a.shape[1:], a.dtype), z)


def _float_tangents(primal: Any, tangent: Any) -> list[jax.Array]:
    """Returns the tangents of the float leaves."""
    pairs = zip(jax.tree.leaves(primal), jax.tree.leaves(tangent), strict=True)
    return [t for p, t in pairs if is_float(p)]


def _all_tangents(primal: Any, floats: list[jax.Array]) -> Any:
    """Puts tangents of float leaves beside those that integer leaves have, which carry nothing."""
    leaves, treedef = jax.tree.flatten(primal)
    new = iter(floats)
    return treedef.unflatten([next(new) if is_float(a) else np.zeros(a.shape, jax.dtypes.float0) for a in leaves])
