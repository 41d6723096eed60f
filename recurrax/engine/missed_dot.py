"""Products with a weight that a step does without `dot`, so that no executor can defer the weight's gradient."""

from typing import Any

import jax
import jax.numpy as jnp

from recurrax.engine.jaxprs import Labels, dependence
from recurrax.engine.primitives import PRODUCTS
from recurrax.engine.products import step_shapes
from recurrax.engine.run import Run, by_layer
from recurrax.engine.scan import Scan


def missed_dot(run: Run) -> str | None:
    """Says which weights a step multiplies by something carry-dependent without `dot`; None where there are none."""
    told = [message for message in map(_of_layer, _layers(run)) if message is not None]
    return "; ".join(told) or None


def products_without_dot(run: Run) -> list[Labels]:
    """Returns the products that a step does with weights past `dot`: for each the numbers of the weights' leaves.

    One of its sides depends on weights and not on the carry, the other one on the carry. Matrix products and
    convolutions count; an elementwise product with a weight, such as a peephole, is no case for `dot`.
    """
    weights, carry, z = step_shapes(run)
    weights, structure = jax.tree.flatten(weights)

    def silent(operand, weight, op=jnp.dot):
        """Returns what depends on the operand as the product does, and is no product."""
        result = jax.eval_shape(op, operand, weight)
        return jnp.zeros(result.shape, result.dtype) + (0 * jnp.sum(operand)).astype(result.dtype)

    def step(weights, carry, z):
        return run.cell.step(structure.unflatten(weights), carry, z, silent)

    found: list[Labels] = []

    def visit(equation: Any, given: list[Labels]) -> None:
        if equation.primitive.name in PRODUCTS:
            one, other = given[:2]
            found.extend(a for a, b in ((one, other), (other, one)) if a and "carry" not in a and "carry" in b)

    of_carry, of_z = (len(jax.tree.leaves(tree)) for tree in (carry, z))
    labels = [Labels({n}) for n in range(len(weights))] + [Labels({"carry"})] * of_carry + [Labels()] * of_z
    dependence(jax.make_jaxpr(step)(weights, carry, z).jaxpr, labels, visit)
    return found


def _of_layer(run: Run) -> str | None:
    """Says it of a run whose cell is one layer."""
    missed = Labels().union(*products_without_dot(run))
    if not missed:
        return None
    leaves = jax.tree_util.tree_leaves_with_path(run.weights)
    named = [
        f"weights{jax.tree_util.keystr(path)}, {leaf.dtype}{list(leaf.shape)},"
        for n, (path, leaf) in enumerate(leaves)
        if n in missed
    ]
    gradient = "its gradient is" if len(named) == 1 else "their gradients are"
    return (
        f"step of {type(run.cell).__name__} multiplies {' and '.join(named)} by something that depends on the carry "
        f"without dot: {gradient} summed up step by step; use dot(operand, weight)"
    )


def _layers(run: Run) -> list[Run]:
    """Returns the runs of the layers of a composition, or the run itself."""
    if not run.cell.layers:
        return [run]
    layers: list[Run] = []

    def execute(layer: Run):
        layers.extend(_layers(layer))
        return Scan()(layer)

    by_layer(execute, run)
    return layers
