"""The dtype that something is measured in, beside a training in float32."""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import jax
import jax.numpy as jnp

DTYPES = ("float32", "float64")

Tree = TypeVar("Tree")


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Lets JAX compute in float64 inside, if that is the dtype.

    Nothing is to be drawn inside: random numbers of 64 bits are others.
    """
    with jax.enable_x64(dtype == "float64"):
        yield


def cast(tree: Tree, dtype: str) -> Tree:
    """Returns the pytree with its real numbers in that dtype and its complex ones in two of it; within `precision`."""

    def of_leaf(a: jax.Array) -> jax.Array:
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            return a
        return a.astype(jnp.result_type(dtype, jnp.complex64) if jnp.iscomplexobj(a) else dtype)

    return jax.tree.map(of_leaf, tree)
