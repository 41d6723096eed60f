"""The leaves of a pytree that have a derivative, taken out and put back; integers and booleans stay where they are."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def is_float(leaf: Any) -> bool:
    """Whether a leaf has a derivative: real or complex, and not an integer, a flag or a key."""
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def float_leaves(tree: Any) -> list[jax.Array]:
    """Returns the leaves that have a derivative, real and complex."""
    return [leaf for leaf in jax.tree.leaves(tree) if is_float(leaf)]


def float_merger(tree: Any) -> Callable[[list[Any]], Any]:
    """Returns the function that puts new float leaves in the place of those of `tree`."""
    leaves, treedef = jax.tree.flatten(tree)

    def merge(floats: list[Any]) -> Any:
        new = iter(floats)
        return treedef.unflatten([next(new) if is_float(a) else a for a in leaves])

    return merge


def by_field(tree: Any, values: list[Any]) -> Any:
    """Returns one value per float leaf in the structure of `tree`, None in the place of integer leaves."""
    leaves, treedef = jax.tree.flatten(tree)
    new = iter(values)
    return treedef.unflatten([next(new) if is_float(a) else None for a in leaves])


def at_least_float32(a: jax.Array) -> jax.Array:
    """Widens float16 and bfloat16, in which long sums stall; leaves everything else alone."""
    narrow = jnp.issubdtype(a.dtype, jnp.floating) and jnp.finfo(a.dtype).bits < 32
    return a.astype(jnp.float32) if narrow else a


def widened(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Returns a pytree with floats of at least 32 bits, and the function that takes it back; both lose nothing."""
    dtypes = jax.tree.map(lambda a: a.dtype, tree)

    def narrow(wide: Any) -> Any:
        return jax.tree.map(lambda a, dtype: a if a.dtype == dtype else a.astype(dtype), wide, dtypes)

    return jax.tree.map(at_least_float32, tree), narrow
