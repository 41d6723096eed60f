"""The dtypes of a layer: in which it holds its parameters, and in which it computes."""

from typing import Any

import jax
import jax.numpy as jnp

from recurrax.cell import check_cell


def check_fields(cell: Any, dtype: Any, param_dtype: Any) -> None:
    """Raises unless the fields that every layer has are a cell and two dtypes of real numbers."""
    check_cell(cell)
    given = {"param_dtype": param_dtype} if dtype is None else {"dtype": dtype, "param_dtype": param_dtype}
    for name, value in given.items():
        if not _is_floating(value):
            raise ValueError(f"{name} must be a floating dtype such as jnp.float32 or jnp.bfloat16, got {value!r}.")


def cast(tree: Any, dtype: Any) -> Any:
    """Casts what is real to `dtype` and what is complex to the like precision; integers, booleans and keys stay."""

    def cast_leaf(a: Any) -> Any:
        if jnp.issubdtype(a.dtype, jnp.floating):
            return jnp.asarray(a, dtype)
        if jnp.issubdtype(a.dtype, jnp.complexfloating):
            return jnp.asarray(a, jnp.complex128 if jnp.finfo(dtype).bits == 64 else jnp.complex64)
        return a

    return jax.tree.map(cast_leaf, tree)


def compute_dtype(dtype: Any, *trees: Any) -> Any:
    """Returns `dtype`, or for None the real dtype to which all floating leaves promote."""
    if dtype is not None:
        return dtype
    dtypes = {jnp.finfo(a.dtype).dtype for a in jax.tree.leaves(trees) if jnp.issubdtype(a.dtype, jnp.inexact)}
    with jax.numpy_dtype_promotion("standard"):  # a stated rule of the layer, so no slip that strict promotion forbids
        return jnp.result_type(float, *dtypes)


def _is_floating(dtype: Any) -> bool:
    try:
        return jnp.issubdtype(dtype, jnp.floating)
    except TypeError:  # it names no dtype at all
        return False
