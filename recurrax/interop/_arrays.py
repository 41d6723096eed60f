"""Arrays by name: taken out of what a library keeps them in, put into another order of gates, and checked."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from recurrax import parameters


def to_array(value: Any) -> np.ndarray:
    """Returns an array of any library as NumPy's: a tensor on any device, with a gradient or not, bfloat16 as well."""
    for strip in ("unbox", "get_value"):  # what linen and nnx put around parameters
        value = getattr(value, strip)() if hasattr(value, strip) else value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # which NumPy alone does not know; float32 holds it exactly
            return value.float().numpy().astype(jnp.bfloat16)
    return np.asarray(value)


def beneath(name: str, arrays: Mapping[str, Any], prefix: str, separator: str) -> dict[str, Any]:
    """Returns the arrays whose names begin with a prefix, by the rest of their names; all for an empty prefix.

    Raises:
      ValueError: none does.
    """
    if not prefix:
        return dict(arrays)
    start = prefix.removesuffix(separator) + separator
    found = {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
    if not found:
        raise ValueError(f"{name} has nothing beneath prefix={prefix!r}; it has {_listed(arrays)}.")
    return found


def by_name(name: str, arrays: Any, example: str) -> Mapping[str, Any]:
    """Returns what are arrays by name.

    Raises:
      TypeError: they are no mapping of names; pairs, as PyTorch's `named_parameters()` gives them, are none.
    """
    if not isinstance(arrays, Mapping) or not all(isinstance(key, str) for key in arrays):
        raise TypeError(f"{name} must be {example}, arrays by name; got {_told(arrays)}.")
    return arrays


def reordered(weight: Any, order: str, wanted: str, *, flip: str = "") -> np.ndarray:
    """Returns the blocks of the last axis, which stand in `order`, as `wanted`; those in `flip` change their sign.

    sigmoid(-a) = 1 - sigmoid(a): the sign of a gate that weighs the other way round.
    """
    blocks = dict(zip(order, np.split(np.asarray(weight), len(order), axis=-1), strict=True))
    return np.concatenate([-blocks[gate] if gate in flip else blocks[gate] for gate in wanted], axis=-1)


def checked(name: str, arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns the arrays after checking that they are those of `shapes`, no more and no fewer.

    Raises:
      TypeError: an array has no real numbers; the message names it.
      ValueError: an array is missing, unknown or has a wrong shape; the message names it.
    """
    missing, unknown = [key for key in shapes if key not in arrays], [key for key in arrays if key not in shapes]
    if missing or unknown:
        told = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        told += [f"has unknown {', '.join(map(repr, unknown))}"] if unknown else []
        raise ValueError(f"{name} {' and '.join(told)}; expected {', '.join(shapes)}.")
    found = {key: to_array(arrays[key]) for key in shapes}
    for key, shape in shapes.items():
        if found[key].shape != shape:
            raise ValueError(f"{name}[{key!r}] must have shape {shape}, got {found[key].shape}.")
        if not _is_real(found[key]):
            raise TypeError(f"{name}[{key!r}] must have real numbers, got dtype {found[key].dtype}.")
    return found


def shape_of(name: str, arrays: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """Returns the shape of an array, naming it where it is missing."""
    if key not in arrays:
        starts = [other.removesuffix(key) for other in arrays if other.endswith(key)]
        hint = f" Give prefix={starts[0].rstrip('./')!r}." if starts else ""
        raise ValueError(f"{name} lacks {key!r}; it has {_listed(arrays)}.{hint}")
    return to_array(arrays[key]).shape


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a nested dict with names such as "hi/kernel"."""
    arrays: dict[str, Any] = {}
    for name, value in tree.items():
        inner = flat(value) if isinstance(value, Mapping) else None
        arrays |= {str(name): value} if inner is None else {f"{name}/{key}": leaf for key, leaf in inner.items()}
    return arrays


def nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns names such as "hi/kernel" as a nested dict."""
    return parameters.nested({tuple(name.split("/")): array for name, array in arrays.items()})


def _is_real(array: np.ndarray) -> bool:
    """Tells whether an array holds floating-point numbers, bfloat16 included, or integers."""
    return jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)


def _told(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 100 else text[:97] + '...'} of type {type(value).__name__}"


def _listed(arrays: Mapping[str, Any]) -> str:
    names = [repr(name) for name in arrays]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return (", ".join(names[:20]) or "nothing") + more
