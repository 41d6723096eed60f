"""Checks of what users pass in; every message names the argument, what came and what was expected."""

import dataclasses
import functools
import inspect
import math
import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recurrax._util.naming import did_you_mean


def positive_int(name: str, value: Any) -> None:
    """Raises unless `value` is an int of at least 1; NumPy's integers would make a cell print and compare otherwise."""
    if type(value) is not int:
        raise TypeError(f"{name} must be an integer (int), got {value!r} of type {type(value).__name__}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}.")


def size(name: str, value: Any) -> None:
    """Raises unless `value` is an integer of at least 0, of Python or of NumPy."""
    _integer(name, value, 0)


LARGEST_SEED = 2**32 - 1
"""JAX keeps the last 32 bits of a seed: any other number would stand for one of these."""


def seed(name: str, value: Any) -> None:
    """Raises unless random numbers can be told apart by `value`: an integer from 0 to 2**32 - 1, or an array of one."""
    if isinstance(value, jax.Array | np.ndarray) and value.shape == () and jnp.issubdtype(value.dtype, jnp.integer):
        if isinstance(value, Tracer):
            return
        value = int(value)
    size(name, value)
    if value > LARGEST_SEED:
        raise ValueError(f"{name} must be at most 2**32 - 1 = {LARGEST_SEED}, got {value}.")


def count(name: str, value: Any) -> None:
    """Raises unless `value` is an integer of at least 1, of Python or of NumPy."""
    _integer(name, value, 1)


def _integer(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")


def finite(name: str, value: Any) -> None:
    """Raises unless `value` is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}.")


def positive(name: str, value: Any) -> None:
    """Raises unless `value` is a finite number above zero."""
    finite(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be above 0, got {value}.")


def boolean(name: str, value: Any) -> None:
    """Raises unless `value` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r} of type {type(value).__name__}.")


def compares_by_value(name: str, value: Any) -> None:
    """Raises a TypeError unless `value` is a frozen dataclass that is equal to another only if all of it is.

    JAX takes equal static values for one another: what has been traced for the first is what runs for the second.
    """
    cls = type(value)
    fault = _fault_of_comparison(cls)
    if fault is None:
        known = {field.name for field in dataclasses.fields(cls)}
        # What a cached_property keeps is a function of the fields.
        stray = [
            name
            for name in vars(value)
            if name not in known and not isinstance(getattr(cls, name, None), functools.cached_property)
        ]
        fault = f"has attributes that are no fields: {', '.join(stray)}" if stray else None
    if fault is None:
        _hashable(name, value)
    else:
        raise TypeError(
            f"{name} must be a frozen dataclass that compares all of its fields, but {cls.__name__} {fault}. JAX would "
            "take one instance for another, and give it the other's result."
        )


def _hashable(name: str, value: Any) -> None:
    """Raises a TypeError that names the field of a dataclass which has no hash."""
    try:
        hash(value)
    except TypeError:
        for field in dataclasses.fields(value):
            part = getattr(value, field.name)
            if isinstance(part, list | dict | set) or not hasattr(part, "__hash__"):
                raise TypeError(
                    f"{name} must have hyper-parameters that hash, such as numbers, texts and tuples; "
                    f"{type(value).__name__} has {field.name}={part!r} of type {type(part).__name__}."
                ) from None
        raise


@functools.cache
def _fault_of_comparison(cls: type) -> str | None:
    """Returns why instances of a class do not compare by value, or None."""
    decorated = next((c for c in cls.__mro__ if "__dataclass_fields__" in vars(c)), None)
    if decorated is None:
        return "is no dataclass"
    params = decorated.__dataclass_params__
    if not params.frozen:
        return "is not frozen"
    if not params.eq:
        return "is defined with eq=False"
    for field in dataclasses.fields(decorated):
        if not field.compare or field.hash is False:
            return f"leaves {field.name} out of the comparison"
    for c in cls.__mro__[: cls.__mro__.index(decorated)]:
        for field, annotation in inspect.get_annotations(c).items():
            if "ClassVar" not in str(annotation):
                return f"adds the field {field} without being decorated as a dataclass"
    return None


def key(value: Any) -> None:
    """Raises unless `value` is one random key, of `jax.random.key` or of the older `jax.random.PRNGKey`, or None."""
    if value is not None:
        required_key(value)


def required_key(value: Any) -> None:
    """Raises unless `value` is one random key."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if dtype is None or not (typed or dtype == jnp.uint32):
        raise TypeError(f"key must be a random key, as jax.random.key(0) makes one, got {brief(value)}.")
    if shape is None or len(shape) != (0 if typed else 1):
        raise ValueError(f"key must be one random key, got an array of shape {shape}; it is split inside.")


def step_number(name: str, value: Any) -> None:
    """Raises unless `value` numbers a step: an integer of at least 0, or an integer array of no axes."""
    if isinstance(value, jax.Array) and value.shape == () and jnp.issubdtype(value.dtype, jnp.integer):
        return
    size(name, value)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raises unless `value` is one of the names in `allowed`."""
    if value not in allowed:
        hint = did_you_mean(value, allowed)
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}.{hint}")


def arrays(name: str, tree: Any) -> None:
    """Raises unless every leaf of `tree` is an array (lists of numbers are a frequent slip)."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            raise TypeError(
                f"{name}{jax.tree_util.keystr(path)} must be an array, got {leaf!r} of type {type(leaf).__name__}; "
                "convert it with jnp.asarray."
            )


def flags(name: str, value: Any, shape: tuple[int, ...], meaning: str) -> None:
    """Raises unless `value` is a boolean array of exactly `shape`."""
    if jnp.result_type(value) != jnp.bool_:
        raise TypeError(
            f"{name} must be boolean, got dtype {jnp.result_type(value)}; compare first, e.g. `{name} > 0`."
        )
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape} ({meaning}), got {value.shape}.")


def same_shapes(name: str, got: Any, expected: Any, owner: str) -> None:
    """Raises unless both pytrees have one structure and every leaf one shape.

    Args:
      name: the argument's name, with which every message begins.
      got: the pytree that came.
      expected: the pytree of arrays or `ShapeDtypeStruct`s that it must look like.
      owner: what expects it, for the message, e.g. the cell's `repr`.
    """
    if jax.tree.structure(got) != jax.tree.structure(expected):
        unnamed = _without_names(got, expected)
        if unnamed is not None:
            came, wanted = unnamed
            kind, fields = type(wanted).__name__, ", ".join(f"{field}=..." for field in wanted._fields)
            raise TypeError(
                f"{name} holds a plain {type(came).__name__} where {owner} expects {kind}. Its order is not guessed, "
                f"since libraries differ in it (Flax keeps (c, h)): name the fields, {kind}({fields})."
            )
        where, one, other = _first_difference(got, expected)
        raise TypeError(
            f"{name} has another structure than {owner} expects: got {one}, expected {other}, at {name}{where}."
        )
    pairs = zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(expected), strict=True)
    for (path, leaf), wanted in pairs:
        if jnp.shape(leaf) != wanted.shape:
            raise ValueError(
                f"{name}{jax.tree_util.keystr(path)} has shape {jnp.shape(leaf)}, {owner} expects {wanted.shape}."
            )


def fits(name: str, got: Any, expected: Any, owner: str) -> None:
    """Raises as `same_shapes`, and where a leaf is complex whose counterpart is real."""
    same_shapes(name, got, expected, owner)
    pairs = zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(expected), strict=True)
    for (path, leaf), wanted in pairs:
        if jnp.iscomplexobj(leaf) and not jnp.issubdtype(wanted.dtype, jnp.complexfloating):
            raise TypeError(
                f"{name}{jax.tree_util.keystr(path)} is complex ({leaf.dtype}), {owner} expects real numbers; take its "
                "real part where the imaginary part is zero."
            )


def brief(value: Any) -> str:
    """Returns a value for a message, in few words: no array is printed, nor anything long."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)}"
    arrays = any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(value))
    text = "" if arrays else repr(value)
    if text and len(text) <= 200:
        return text
    if type(value) in (tuple, list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}{' of arrays' if arrays else ''}"


def difference(got: Any, expected: Any) -> str | None:
    """Says where a pytree first departs in structure from another one, and how; None where it does not."""
    if jax.tree.structure(got) == jax.tree.structure(expected):
        return None
    where, one, other = _first_difference(got, expected)
    return f"{where}: got {one}, expected {other}"


def _first_difference(got: Any, expected: Any, where: str = "") -> tuple[str, str, str]:
    """Returns where two pytrees differ in structure, as a path, and in words what stands there in either."""
    nodes = [jax.tree_util.default_registry.flatten_one_level(tree) for tree in (got, expected)]
    children = [() if node is None else tuple(node[0]) for node in nodes]
    if type(got) is type(expected) and len(children[0]) == len(children[1]):
        keys = [jax.tree_util.keystr(path[:1]) for path, _ in _one_level(expected)]
        for key, one, other in zip(keys, *children, strict=True):
            if jax.tree.structure(one) != jax.tree.structure(other):
                return _first_difference(one, other, where + key)
    names = _kind(got), _kind(expected)
    if names[0] == names[1] and type(got) is not type(expected):  # two classes of one name
        return where, _full_name(type(got)), _full_name(type(expected))
    return where, *names


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _one_level(tree: Any) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda node: node is not tree)


def _kind(tree: Any) -> str:
    if tree is None:
        return "None"
    if jax.tree_util.treedef_is_leaf(jax.tree.structure(tree)):
        return "an array"
    if hasattr(tree, "_fields"):
        return f"{type(tree).__name__}({', '.join(tree._fields)})"
    if isinstance(tree, dict):
        return f"a dict of {', '.join(map(repr, tree)) or 'nothing'}"
    return f"a {type(tree).__name__} of {len(tree)}" if isinstance(tree, tuple | list) else type(tree).__name__


def _without_names(got: Any, expected: Any) -> tuple[Any, Any] | None:
    """Returns the first NamedTuple of `expected` in whose place `got` has a plain tuple or list; None without any."""
    if not (isinstance(got, tuple | list) and isinstance(expected, tuple)):
        return None
    if hasattr(expected, "_fields") and not hasattr(got, "_fields"):
        return got, expected
    found = (_without_names(*pair) for pair in zip(got, expected, strict=False))
    return next((node for node in found if node is not None), None)
