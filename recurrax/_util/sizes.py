"""Sizes that may be symbolic: of arrays in a program that `jax.export` makes for any length or batch."""

from typing import Any

import jax
from jax.export import is_symbolic_dim

LARGE = 2**20
"""What a symbolic size counts as where a rule compares sizes: a program for any size has to be right for large ones."""


def counted(size: Any) -> int:
    """Returns a size as a number; one that is symbolic is `LARGE`."""
    return LARGE if is_symbolic_dim(size) else size


def at_most(size: Any, bound: int) -> bool:
    """Whether a size is `bound` or less; False where that depends on what a symbolic size will be."""
    try:
        return bool(size <= bound)
    except jax.errors.InconclusiveDimensionOperation:
        return False


def part(array: jax.Array, begin: Any, end: Any) -> jax.Array:
    """Returns `array[begin:end]` for sizes 0 <= begin <= end that may be symbolic."""
    return jax.lax.slice_in_dim(array, begin, end)
