"""Whether a cell that calls itself linear is so: a wrong word would give wrong numbers, silently."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.cell import Cell
from recurrax.engine.jaxprs import Labels, dependence
from recurrax.engine.primitives import CALLS, ELEMENTWISE
from recurrax.engine.products import step_shapes
from recurrax.engine.run import Run

_NUMBER_FOR_NUMBER = ELEMENTWISE | CALLS | {"complex", "real", "imag", "conj", "custom_jvp_call"}


def fault_of_linearity(run: Run) -> str | None:
    """Says in what the step is not s_t = a_t * s_{t-1} + b_t, unit by unit; None where it is.

    The derivative along the carry tells: it must not depend on the carry, and move no number from unit to unit. The
    step's program shows both for most cells; where it does not, random numbers decide. Each cell is looked at once for
    each set of shapes.
    """
    leaves, structure = jax.tree.flatten(step_shapes(run))
    return _fault(run.cell, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))


@functools.lru_cache(maxsize=1024)
def _fault(cell: Cell, structure: Any, shapes: tuple) -> str | None:
    weights, carry, z = structure.unflatten([jax.ShapeDtypeStruct(*shape) for shape in shapes])

    def derivative(weights, carry, z, along):
        return jax.jvp(lambda carry: cell.step(weights, carry, z), (carry,), (along,))[1]

    arguments = (weights, carry, z, carry)
    return None if _shown_by_program(derivative, arguments) else _told_by_numbers(cell, derivative, arguments)


def _shown_by_program(derivative: Any, arguments: tuple) -> bool:
    """Whether the program shows at first sight that the derivative is one number for each unit."""
    moved = []

    def visit(equation: Any, given: list[Labels]) -> None:
        along = any(label != "carry" for labels in given for label in labels)
        if along and equation.primitive.name not in _NUMBER_FOR_NUMBER:
            moved.append(equation.primitive.name)

    counts = [len(jax.tree.leaves(argument)) for argument in arguments]
    along = [Labels({n}) for n in range(counts[1])]
    labels = [Labels()] * counts[0] + [Labels({"carry"})] * counts[1] + [Labels()] * counts[2] + along
    outputs = dependence(jax.make_jaxpr(derivative)(*arguments).jaxpr, labels, visit)
    return not moved and all(output <= own for output, own in zip(outputs, along, strict=True))


def _told_by_numbers(cell: Cell, derivative: Any, arguments: tuple) -> str | None:
    rng = np.random.default_rng(0)

    def drawn(tree: Any) -> Any:
        return jax.tree.map(lambda a: jnp.asarray(rng.uniform(0.1, 0.9, a.shape), a.dtype), tree)

    with jax.ensure_compile_time_eval():
        weights, carry, z, along = map(drawn, arguments)
        here = derivative(weights, carry, z, along)
        there = derivative(weights, drawn(carry), z, along)
        factors = derivative(weights, carry, z, jax.tree.map(jnp.ones_like, carry))
        unit_by_unit = jax.tree.map(jnp.multiply, factors, along)
        if not _alike(here, there):
            return f"{type(cell).__name__}.linear is True, but the derivative of its step depends on the carry"
        if not _alike(here, unit_by_unit):
            return f"{type(cell).__name__}.linear is True, but a unit of its carry depends on others"
    return None


def _alike(one: Any, other: Any) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(jnp.allclose(a, b, rtol=1e-2, atol=1e-4, equal_nan=True) for a, b in pairs)
