"""The products with a weight that a step does through `dot`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from recurrax.cells.cell import Carry, Cell, Projected, Weights
from recurrax.engine.recurrence import Recurrence, project_all
from recurrax.engine.sums import Piece, pieces
from recurrax.floats import float_leaves, float_merger


class Product(NamedTuple):
    """A product in a step."""

    operand: jax.Array
    weight: jax.Array
    op: Any


def products_of(cell: Cell, weights: Weights, carry: Carry, z: Projected) -> list[Product]:
    """Returns the products that a step does through `dot`."""
    found: list[Product] = []

    def record(operand, weight, op=jnp.dot):
        found.append(Product(operand, weight, op))
        return op(operand, weight)

    cell.step(weights, carry, z, record)
    return found


def _step_shapes(cell: Cell, run: Recurrence) -> tuple[Weights, Carry, Projected]:
    """Returns what a step is given, as shapes and dtypes."""

    def arguments(run):
        return run.weights, *first_step(run.carry, project_all(cell, run))

    return jax.eval_shape(arguments, run)


def first_step(carry: Carry, z: Projected) -> tuple[Carry, Projected]:
    """Returns zeros in the place of a step's carry and projected input."""
    return jax.tree.map(jnp.zeros_like, carry), jax.tree.map(lambda a: jnp.zeros(a.shape[1:], a.dtype), z)


def pieces_of(cell: Cell, weights: Weights, carry: Carry, z: Projected) -> list[list[Piece]]:
    """Returns the pieces of the products of a step, each with what it is added to."""
    carry, z = first_step(carry, z)
    with_floats = float_merger(z)

    def step(floats, products):
        rest = iter(products)
        return float_leaves(cell.step(weights, carry, with_floats(floats), lambda *_: next(rest)))

    products = jax.eval_shape(lambda: [p.op(p.operand, p.weight) for p in products_of(cell, weights, carry, z)])
    return pieces(step, float_leaves(z), products)


def refusal(cell: Cell, run: Recurrence) -> str | None:
    """Says why weight gradients of the run cannot be deferred; None where they can."""
    weights, carry, z = _step_shapes(cell, run)
    try:
        # Values of an inner trace that is over by then show as constants, or are found out by JAX.
        traced = jax.make_jaxpr(lambda *state: [(-p.operand, -p.weight) for p in products_of(cell, *state)])(
            weights, carry, z
        )
        nested = any(isinstance(constant, Tracer) for constant in traced.consts)
    except jax.errors.UnexpectedTracerError:
        nested = True
    if nested:
        return "step calls dot inside another transformation (jit, scan, vmap, checkpoint), not at its top level"

    def weights_for_two(weights, carry, z):
        twice = jax.tree.map(lambda a: jnp.stack([a, a]), (carry, z))
        return jax.vmap(lambda state: [p.weight for p in products_of(cell, weights, *state)], out_axes=None)(twice)

    try:
        jax.eval_shape(weights_for_two, weights, carry, z)
    except ValueError:  # what is returned unmapped would have to be mapped
        return "step gives dot a weight that depends on the carry or the input"
    return None


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
    weights, carry, z = _step_shapes(cell, run)
    counts: list[int] = []
    jax.eval_shape(lambda *state: counts.append(len(products_of(cell, *state))), weights, carry, z)
    projection = jax.make_jaxpr(lambda run: project_all(cell, run))(run)
    return StepSize(
        products=counts[0],
        projects=bool(projection.eqns),
        projected=sum(a.size for a in jax.tree.leaves(z)),
        weights=sum(a.size for a in float_leaves(run.weights)),
    )
