"""A cell's parameters by name: the nested dict that Flax, optimiser masks and checkpoints see, and the way back.

One tree serves everywhere: `recurrax.linen`, `recurrax.nnx` and plain JAX differ in who holds it, not in its names.
"""

import collections
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import Cell, Params


def to_dict(params: Params) -> dict[str, Any]:
    """Returns the parameters as a nested dict: a name for each field, a dict for each NamedTuple or tuple within.

    Fields that are None are left out; the entries of a tuple go by "0", "1", ...

    >>> from recurrax import LSTM
    >>> from recurrax.parameters import from_dict, to_dict
    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> sorted(to_dict(params))
    ['b', 'w_h', 'w_x']
    >>> type(from_dict(cell, 3, to_dict(params))).__name__
    'LSTMParams'

    Args:
      params: what `cell.init` returns.

    Raises:
      TypeError: `params` is a bare array, which has no name.
    """
    leaves = by_name(params)
    if () in leaves:
        raise TypeError(f"params must be a NamedTuple or a dict, whose arrays have names, got {checks.brief(params)}.")
    return nested(leaves)


def from_dict(cell: Cell, input_size: int, tree: Mapping[str, Any]) -> Params:
    """Returns the parameters that the cell takes, from the nested dict that `to_dict` makes of them.

    Arrays may have more axes in front, for seeds for instance, the same for all of them; leaves that are no arrays,
    such as labels, are taken as they are.

    Args:
      cell: the cell.
      input_size: D.
      tree: the nested dict, for instance `variables["params"]` of a linen layer.

    Raises:
      TypeError: an array is complex where the parameter is real.
      ValueError: a name is missing, or the cell has no parameter of that name; an array has a wrong shape.
    """
    wanted, got = by_name(parameter_shapes(cell, input_size)), by_name(tree)
    if wanted.keys() != got.keys():
        missing, unknown = _listed(wanted.keys() - got.keys()), _listed(got.keys() - wanted.keys())
        raise ValueError(
            f"tree must have the names {_listed(wanted.keys())} for {cell!r}; missing: {missing}, unknown: {unknown}."
        )
    _check_arrays(cell, wanted, got)
    return jax.tree.unflatten(jax.tree.structure(parameter_shapes(cell, input_size)), [got[names] for names in wanted])


def _check_arrays(cell: Cell, wanted: Mapping[tuple[str, ...], Any], got: Mapping[tuple[str, ...], Any]) -> None:
    """Raises unless every array fits its parameter, but for axes in front that all of them have."""
    fronts = {}
    for names, leaf in got.items():
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            continue
        expected = wanted[names]
        ndim = len(leaf.shape) - len(expected.shape)
        if ndim < 0 or tuple(leaf.shape[ndim:]) != expected.shape:
            raise ValueError(f"{_described(names, leaf)}, {cell!r} expects {expected.shape}.")
        if jnp.iscomplexobj(leaf) and not jnp.issubdtype(expected.dtype, jnp.complexfloating):
            raise TypeError(f"{_described(names, leaf)} and is complex ({leaf.dtype}), {cell!r} expects real numbers.")
        fronts[names] = tuple(leaf.shape[:ndim])
    if len(set(fronts.values())) > 1:
        (usual, _), *_ = collections.Counter(fronts.values()).most_common(1)
        names = next(names for names, front in fronts.items() if front != usual)
        raise ValueError(
            f"{_described(names, got[names])}, where the other arrays have {usual} in front of the shape that {cell!r} "
            "expects; axes in front must be the same for all."
        )


def _described(names: tuple[str, ...], leaf: Any) -> str:
    return f"tree[{'/'.join(names)!r}] has shape {tuple(leaf.shape)}"


def by_name(tree: Any) -> dict[tuple[str, ...], Any]:
    """Returns the leaves of a pytree by the names that lead to them, in the order of the tree."""
    return {
        tuple(jax.tree_util.keystr((key,), simple=True) for key in path): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def nested(leaves: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Returns the nested dict of leaves that are given by the names that lead to them."""
    tree: dict[str, Any] = {}
    for names, leaf in leaves.items():
        node = tree
        for name in names[:-1]:
            node = node.setdefault(name, {})
        node[names[-1]] = leaf
    return tree


def parameter_shapes(cell: Cell, input_size: int) -> Params:
    """Returns what `cell.init` would, with a `ShapeDtypeStruct` for each array."""
    return _shapes(cell, input_size, jnp.result_type(float))


@functools.lru_cache(maxsize=1024)
def _shapes(cell: Cell, input_size: int, default_float: jnp.dtype) -> Params:
    """Remembers the answer per default float: with x64 switched on or off, `init` draws in another dtype."""
    del default_float
    return jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))


def _listed(names: Any) -> str:
    return ", ".join(sorted("/".join(path) for path in names)) or "none"
