"""The products with a weight that a step does through `dot`."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax._util.sizes import counted
from recurrax.cell import Carry, Cell, Projected, Weights
from recurrax.engine.jaxprs import Labels, Static, dependence, equations
from recurrax.engine.primitives import REVERSE_MODE_ONLY
from recurrax.engine.product_pieces import Piece, pieces
from recurrax.engine.run import Run, project_all

_NESTED = "step calls dot inside another transformation (jit, scan, vmap, checkpoint), not at its top level"


class Product(NamedTuple):
    """A product in a step."""

    operand: jax.Array
    weight: jax.Array
    op: Any


def multiplied(op: Any, operand: jax.Array, weight: jax.Array) -> jax.Array:
    """Returns `op(operand, weight)`, which may broadcast as the step that gave it to `dot` may."""
    with jax.numpy_rank_promotion("allow"):
        return op(operand, weight)


def products_of(run: Run, z: Projected) -> list[Product]:
    """Returns the products that a step of the run does through `dot`, for a state and an input of zeros."""
    return products_of_step(run.cell, run.weights, *_zeros(run, z))


def products_of_step(cell: Cell, weights: Weights, carry: Carry, z: Projected) -> list[Product]:
    """Returns the products that the step from `carry` does through `dot`."""
    found: list[Product] = []

    def record(operand, weight, op=jnp.dot):
        found.append(Product(operand, weight, op))
        return op(operand, weight)

    cell.step(weights, carry, z, record)
    return found


def given_products(step: Callable[[Any], Any], products: list[jax.Array]) -> tuple[Any, list[jax.Array]]:
    """Runs `step(dot)` with the results of its products given; returns what it returns, and the operands."""
    rest, operands = iter(products), []

    def given(operand, weight, op=jnp.dot):
        del weight, op
        operands.append(operand)
        return next(rest)

    return step(given), operands


def step_shapes(run: Run) -> tuple[Weights, Carry, Projected]:
    """Returns what a step is given, as shapes and dtypes."""
    return jax.eval_shape(lambda run: (run.weights, *_zeros(run, project_all(run))), run)


def _zeros(run: Run, z: Projected) -> tuple[Carry, Projected]:
    """Returns zeros in the place of a step's carry and projected input."""
    return jax.tree.map(jnp.zeros_like, run.carry), jax.tree.map(lambda a: jnp.zeros(a.shape[1:], a.dtype), z)


def pieces_of(run: Run, z: Projected) -> list[list[Piece]]:
    """Returns the pieces of the products of a step, each with what it is added to."""
    carry, z_t = _zeros(run, z)
    with_floats = float_merger(z_t)

    def step(floats, products):
        new, operands = given_products(
            lambda dot: run.cell.step(run.weights, carry, with_floats(floats), dot), products
        )
        return float_leaves(new), operands  # what is multiplied is used

    products = jax.eval_shape(lambda: [multiplied(p.op, p.operand, p.weight) for p in products_of(run, z)])
    return pieces(step, float_leaves(z_t), products)


def refusal(run: Run) -> str | None:
    """Says why weight gradients of the run cannot be deferred; None where they can."""
    shapes = step_shapes(run)

    def factors(*step):
        products = products_of_step(run.cell, *step)
        closures = any(_holds_tracers(p.op, p.operand, p.weight) for p in products)
        return [-p.weight for p in products], [-p.operand for p in products], Static(closures)

    try:
        traced, (weights, _, closures) = jax.make_jaxpr(factors, return_shape=True)(*shapes)
    except jax.errors.UnexpectedTracerError:
        return _NESTED
    if _has_tracers(traced):  # values of an inner trace that is over by now
        return _NESTED
    if closures.value:
        return "step gives dot an op that uses the carry, the input or weights besides its two arguments"
    of_weights, *of_step = (len(jax.tree.leaves(tree)) for tree in shapes)
    labels = [Labels()] * of_weights + [Labels({"step"})] * sum(of_step)
    if any(dependence(traced.jaxpr, labels)[: len(weights)]):
        return "step gives dot a weight that depends on the carry or the input"
    return None


def forward_mode_refusal(run: Run) -> str | None:
    """Says why tangents cannot be sent through a step; None where they can."""

    def tangent(weights, carry, z):
        return jax.jvp(lambda carry: run.cell.step(weights, carry, z), (carry,), (carry,))

    # JAX writes down what only a transposition could evaluate, and complains when it compiles.
    traced = jax.make_jaxpr(tangent)(*step_shapes(run))
    if any(equation.primitive.name in REVERSE_MODE_ONLY for equation in equations(traced.jaxpr)):
        return "its step has a derivative for reverse mode only (jax.custom_vjp), and this executor needs forward mode"
    return None


def _holds_tracers(op: Any, *arguments: jax.Array) -> bool:
    """Whether `op` works with traced values that are not among its arguments."""
    return _has_tracers(
        jax.make_jaxpr(functools.partial(multiplied, op))(*(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arguments))
    )


def _has_tracers(traced: Any) -> bool:
    return any(isinstance(constant, Tracer) for constant in traced.consts)


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
    state: int
    """Numbers in the state, for all examples."""


def step_size(run: Run) -> StepSize:
    """Returns the size of a step."""
    shapes = step_shapes(run)
    count = jax.eval_shape(lambda *step: Static(len(products_of_step(run.cell, *step))), *shapes)
    projection = jax.make_jaxpr(project_all)(run)
    return StepSize(
        products=count.value,
        projects=bool(projection.eqns),
        projected=counted(sum(a.size for a in jax.tree.leaves(shapes[2]))),
        weights=counted(sum(a.size for a in float_leaves(run.weights))),
        state=counted(sum(a.size for a in float_leaves(run.carry))),
    )
