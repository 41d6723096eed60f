"""Whether a cell has randomness, so that a layer asks for it where it is needed and nowhere else."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters.partial_eval import dce_jaxpr

from recurrax.cell import Cell, Params
from recurrax.parameters import parameter_shapes


@functools.lru_cache(maxsize=1024)
def draws_noise(cell: Cell, input_size: int) -> bool:
    """Tells whether a run of the cell depends on its key.

    The functions of the cell are traced and asked: no trait could then say otherwise than they do.
    """

    def before_the_step(params: Params, key: jax.Array) -> Any:
        weights = cell.prepare(params, key=key)
        return weights, cell.project(weights, cell.zero_input(input_size), key)

    def whole_step(params: Params, key: jax.Array) -> Any:
        weights, z = before_the_step(params, key)
        carry = cell.step(weights, cell.initial_carry(weights), z)
        return carry, cell.output(weights, carry, z)

    params, key = parameter_shapes(cell, input_size), jax.eval_shape(lambda: jax.random.key(0))
    if not _depends_on_key(before_the_step, params, key):
        return False
    given = jax.tree.leaves(jax.eval_shape(before_the_step, params, key))
    if any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in given):  # a stack hands keys on to the step
        return _depends_on_key(whole_step, params, key)
    return True


def _depends_on_key(function: Callable[[Params, jax.Array], Any], params: Params, key: Any) -> bool:
    """Tells whether anything that the function returns depends on its second argument."""
    jaxpr = jax.make_jaxpr(function)(params, key).jaxpr
    _, used = dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return used[-1]
