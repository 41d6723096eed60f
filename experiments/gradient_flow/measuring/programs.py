"""Cells that run the same program: they differ in how their weights are drawn, and in nothing else.

A program is compiled once and serves all of them. No cell is known by name: what tells programs apart is what JAX
traces of a run.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.measuring import measure
from experiments.gradient_flow.variants import family
from recurrax import Cell, gradflow, unroll
from recurrax.engine.jaxprs import inner_jaxprs


def share_programs(cells: Sequence[Cell], input_size: int) -> list[Cell]:
    """Returns for every cell the first of those that run the same program, to be compiled in its place.

    Args:
      cells: the cells.
      input_size: D.
    """
    first: dict[Any, Cell] = {}
    return [first.setdefault(_program(cell, input_size), cell) for cell in cells]


def _program(cell: Cell, input_size: int) -> Any:
    """Returns what is equal for cells of one program: classes, traits, equations with all their constants, and shapes.

    A run of two steps and its gates are traced for that, from parameters without values.
    """
    params = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    xs = jax.ShapeDtypeStruct((2, 1, input_size), jnp.result_type(float))

    def run(params: Any, xs: jax.Array) -> Any:
        carry, ys = unroll(cell, params, xs, executor="scan")  # the plain one, whose steps show
        path = jax.tree.map(lambda a: a[None], gradflow.trajectory(cell, params, xs))
        return carry, ys, measure.first_gates(path)

    traced, shapes = jax.make_jaxpr(run, return_shape=True)(params, xs)
    constants = [(np.shape(c), np.asarray(c).tobytes()) for c in _constants(traced)]
    traits = cell.linear, cell.diagonal, cell.signed_gates, cell.log_units, cell.clips_gradients
    return family(cell), traits, str(traced), tuple(constants), str(jax.tree.map(lambda a: (a.shape, a.dtype), shapes))


def _constants(jaxpr: Any) -> Iterator[Any]:
    """Yields the arrays that a closed jaxpr and those inside it hold, which its text does not show."""
    yield from jaxpr.consts
    for equation in jaxpr.jaxpr.eqns:
        for inner in inner_jaxprs(equation):
            yield from _constants(inner)
