"""Any cell about as fast as hand-written code: what does not have to wait for the carry is done for all steps at once.

For derivatives, the inputs of all steps are projected in one product, and a step becomes a function of its products:

    s_t = step(s_{t-1}, z_t, r_1..r_K),    r_k = op(a_k, W_k)

    ds_t = J_t (ds_{t-1}, dz_t, op(a_1, dW_1)..op(a_K, dW_K))

J_t, in which the weights W_k are held fast, contains what the tangent of the state does to the operands a_k. What that
of a weight does, op(a_k, dW_k), does not wait for the carry: all its steps are one product before the scan of tangents.
So is its transpose, the gradient of W_k, after the backward scan, which JAX derives. J_t is kept as the outputs of
costly functions; sums and cheap products are done again. As all of this is a rule for tangents, made of functions that
can be differentiated themselves, forward mode, reverse mode and any order of both are exact.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recurrax.cells.cell import Carry, Cell, Projected, Weights
from recurrax.engine.backend import Backend
from recurrax.engine.recurrence import Inputs, Recurrence, emit_all, over_steps, project_all, transition
from recurrax.engine.scan import Scan
from recurrax.engine.sums import Piece, pieces
from recurrax.floats import at_least_float32, float_leaves, float_merger, is_float

_COSTLY = frozenset(
    (
        *("tanh", "logistic", "exp", "exp2", "expm1", "log", "log1p", "pow", "sqrt", "rsqrt", "cbrt", "div"),
        *("erf", "erfc", "erf_inv", "lgamma", "digamma", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
        *("sinh", "cosh", "asinh", "acosh", "atanh", "reduce_sum", "sort", "dot_general", "conv_general_dilated"),
    )
)
"""Primitives whose outputs are kept: dearer to compute again than to read back."""


@dataclasses.dataclass(frozen=True)
class Fused(Backend):
    """Executes a run step by step as `Scan` does; derivatives are taken for all steps at once.

    A run that is not differentiated has the bits of `Scan`, whatever the number of steps: a product over all steps may
    round otherwise than one over a few.
    """

    def refusal(self, cell, run):
        return _refusal(cell, run)

    def __call__(self, cell, run, *, reverse=False):
        return _run(cell, reverse, run)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _run(cell: Cell, reverse: bool, run: Recurrence) -> tuple[Carry, Any]:
    return Scan()(cell, run, reverse=reverse)


@_run.defjvp
def _run_jvp(cell: Cell, reverse: bool, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    return jax.jvp(functools.partial(_hoisted, cell, reverse), primals, tangents)


def _hoisted(cell: Cell, reverse: bool, run: Recurrence) -> tuple[Carry, Any]:
    """Projects, and computes outputs, for all steps at once."""
    z = project_all(cell, run)
    flags = run.inputs._replace(x=None, key=None)
    final, states = _states(cell, reverse, run.weights, run.initial, run.carry, z, flags)
    return final, emit_all(cell, run.weights, states, z, flags)


class StepSize(NamedTuple):
    """What decides how much there is to gain."""

    products: int
    """Products with a weight in a step."""
    projects: bool
    """Whether anything is computed of the input alone."""
    projected: int
    """Numbers that a step is given of its input, for all examples."""
    weights: int
    """Numbers in the weights."""


def step_size(cell: Cell, run: Recurrence) -> StepSize:
    """Returns the size of a step."""
    weights, carry, z = _shapes(cell, run)
    counts: list[int] = []
    jax.eval_shape(lambda *state: counts.append(len(_products(cell, *state))), weights, carry, z)
    projection = jax.make_jaxpr(lambda run: project_all(cell, run))(run)
    return StepSize(
        products=counts[0],
        projects=bool(projection.eqns),
        projected=sum(a.size for a in jax.tree.leaves(z)),
        weights=sum(a.size for a in float_leaves(run.weights)),
    )


def _refusal(cell: Cell, run: Recurrence) -> str | None:
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

    return over_steps(step, carry, (z, flags), reverse=reverse)


@_states.defjvp
def _states_jvp(cell: Cell, reverse: bool, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    weights, initial, carry, z, _ = primals
    d_weights, d_initial, d_carry, d_z, _ = (_float_tangents(p, t) for p, t in zip(primals, tangents, strict=True))
    with_floats = float_merger(weights)
    ops: list = []

    def matrices(floats):
        products = _products(cell, with_floats(floats), *_first_step(carry, z))
        ops[:] = [p.op for p in products]
        return [p.weight for p in products]

    factors, d_factors = jax.jvp(matrices, (float_leaves(weights),), (d_weights,))
    parts = _pieces(cell, weights, carry, z)
    final, states, operands, pushforwards = _linearized(cell, reverse, factors, parts, *primals)
    # What a weight's tangent does to a product, all steps at once; with the input's tangent where the two are added.
    d_z, taps = list(d_z), []
    for op, a, d_weight, of_product in zip(ops, operands, d_factors, parts, strict=True):
        through = jax.vmap(op, (0, None))(a, d_weight)  # [T, *B, N]
        split = jnp.split(through, [piece.begin for piece in of_product[1:]], axis=-1)
        for piece, part in zip(of_product, split, strict=True):
            if piece.z is None:
                taps.append(part)
            else:
                d_z[piece.z] = d_z[piece.z] + part
    # A gradient that is summed up over the steps has to be so in float32 at least.
    wide = jax.tree.map(at_least_float32, (d_weights, d_initial))

    def push(d_carry, step):
        pushforward, z, d_z, taps = step
        d_weights_, d_initial_ = jax.tree.map(lambda a, like: a.astype(like.dtype), wide, (d_weights, d_initial))
        tangent = pushforward.push(weights, initial, factors, z)
        d_carry = tangent(d_weights_, d_initial_, d_carry, d_z, taps)
        return d_carry, d_carry

    steps = (pushforwards, z, d_z, taps)
    d_final, d_states = over_steps(push, d_carry, steps, reverse=reverse)
    return (final, states), (_all_tangents(final, d_final), _all_tangents(states, d_states))


def _linearized(cell, reverse, factors, parts, weights, initial, carry, z, flags):
    """Runs the cell and linearises every step, the weights W_k of its products held fast.

    Returns:
      s_T, s_1 to s_T, the products' operands, and the `Pushforward`s `(weights, initial, carry, z, taps) -> carry`, of
      float leaves; the last three for all steps. A tap is a tangent that is added to a piece of a product.
    """
    layout: Any = None

    def step(carry, step_inputs):
        nonlocal layout
        z, flags = step_inputs
        arguments = (weights, initial, carry, z)
        mergers = [float_merger(argument) for argument in arguments]

        def with_taps(factors, taps, *floats):
            w, i, c, zt = (merge(part) for merge, part in zip(mergers, floats, strict=True))
            operands: list[jax.Array] = []
            rest = iter(taps)

            def multiply(operand, weight, op=jnp.dot):
                del weight
                k = len(operands)
                operands.append(operand)
                product = op(operand, factors[k])
                for piece in parts[k]:
                    if piece.z is None:
                        product = _tapped(product, next(rest), piece.begin)
                return product

            new = transition(cell, w, i, c, zt, flags, multiply)
            return float_leaves(new), (new, operands)

        kept = jax.checkpoint(
            with_taps, policy=lambda primitive, *_, **__: primitive.name in _COSTLY, prevent_cse=False
        )
        taps = [
            jnp.zeros_like(p.op(p.operand, p.weight)[..., piece.begin : piece.end])
            for p, of_product in zip(_products(cell, weights, carry, z), parts, strict=True)
            for piece in of_product
            if piece.z is None
        ]
        _, pushforward, (new, operands) = jax.linearize(
            lambda *floats: kept(factors, floats[-1], *floats[:-1]), *map(float_leaves, arguments), taps, has_aux=True
        )
        pushforward = Pushforward.of(pushforward, weights, initial, factors, z)
        unique, layout = _without_repeats((new, operands, pushforward))
        return new, unique

    final, unique = over_steps(step, carry, (z, flags), reverse=reverse)
    treedef, places = layout
    states, operands, pushforwards = treedef.unflatten([unique[n] for n in places])
    return final, states, operands, pushforwards


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _tapped(product: jax.Array, tap: jax.Array, begin: int) -> jax.Array:
    """Returns the product; the tangent of `tap` is added to its, from `begin` on. To add zeros would cost time."""
    del tap, begin
    return product


@_tapped.defjvp
def _tapped_jvp(begin, primals, tangents):
    (product, tap), (d_product, d_tap) = primals, tangents
    missing = product.shape[-1:][0] - begin - tap.shape[-1] if product.ndim else 0
    return product, d_product + jnp.pad(d_tap, [(0, 0)] * (tap.ndim - 1) + [(begin, missing)] * (tap.ndim > 0))


def _pieces(cell: Cell, weights: Weights, carry: Carry, z: Projected) -> list[list[Piece]]:
    """Returns the pieces of the products of a step, each with what it is added to."""
    carry, z = _first_step(carry, z)
    with_floats = float_merger(z)

    def step(floats, products):
        rest = iter(products)
        return float_leaves(cell.step(weights, carry, with_floats(floats), lambda *_: next(rest)))

    products = jax.eval_shape(lambda: [p.op(p.operand, p.weight) for p in _products(cell, weights, carry, z)])
    return pieces(step, float_leaves(z), products)


def _without_repeats(tree: Any) -> tuple[list[jax.Array], tuple[Any, list[int]]]:
    """Returns the different arrays of a pytree, so that a scan stacks each once, and how to put it together again."""
    leaves, treedef = jax.tree.flatten(tree)
    unique = list({id(leaf): leaf for leaf in leaves}.values())
    number = {id(leaf): n for n, leaf in enumerate(unique)}
    return unique, (treedef, [number[id(leaf)] for leaf in leaves])


@functools.partial(jax.tree_util.register_dataclass, data_fields=["residuals"], meta_fields=["treedef", "shared"])
@dataclasses.dataclass(frozen=True)
class Pushforward:
    """A linear map that `jax.linearize` gave, as arrays that a scan may stack; what is known anyway is left out."""

    residuals: list[jax.Array]
    treedef: Any
    shared: tuple[int | None, ...]
    """For every leaf the number of the known leaf that it is, or None."""

    @classmethod
    def of(cls, linear: Any, *known: Any) -> "Pushforward":
        """Takes a linear map apart; leaves of the pytrees `known` are not kept."""
        leaves, treedef = jax.tree.flatten(linear)
        place = {id(leaf): n for n, leaf in enumerate(jax.tree.leaves(known))}
        shared = tuple(place.get(id(leaf)) for leaf in leaves)
        return cls([leaf for leaf, n in zip(leaves, shared, strict=True) if n is None], treedef, shared)

    def push(self, *known: Any) -> Any:
        """Returns the linear map; `known` as it was given to `of`."""
        rest, leaves = iter(self.residuals), jax.tree.leaves(known)
        return self.treedef.unflatten([next(rest) if n is None else leaves[n] for n in self.shared])


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


def _shapes(cell: Cell, run: Recurrence) -> tuple[Weights, Carry, Projected]:
    """Returns what a step is given, as shapes and dtypes."""

    def arguments(run):
        return run.weights, *_first_step(run.carry, project_all(cell, run))

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
