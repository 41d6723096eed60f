"""How a layer comes to its parameters: as the cell draws them, or by initialisers of the user."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._layer.dtypes import cast
from recurrax._util import checks
from recurrax.cell import Cell, Params
from recurrax.parameters import by_name, nested

Initializers = Mapping[str, Callable[..., Any]]
"""`(key, shape, dtype) -> array`, as those of `jax.nn`, by parameter: "w_x", or "inner/w_x" for one that nests."""

_INITIALIZERS = 2**32 - 1
"""Folded into the key for the user's initialisers: an index that no split of the cell's own has."""


@dataclasses.dataclass(frozen=True)
class _Placeholder:
    """Stands where the cell's own draw is to go, in a box of metadata perhaps."""


def as_drawn(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> Any:
    """An initialiser of a layer that leaves a parameter as the cell draws it, for metadata around it.

    >>> from flax import linen as nn
    >>> from recurrax.linen import RNN, as_drawn
    >>> layer = RNN(LSTM(8), initializers={"w_h": nn.with_partitioning(as_drawn, (None, "model"))})
    >>> layer.init(jax.random.key(0), jnp.ones((4, 20, 3)))["params"]["w_h"].names
    (None, 'model')
    """
    del key, shape, dtype
    return _Placeholder()


def check_drawing(initializers: Any) -> None:
    """Raises unless they are functions by name; whether a parameter has the name is seen when it is drawn."""
    if not isinstance(initializers, Mapping) or not all(callable(init) for init in initializers.values()):
        raise TypeError(
            f"initializers must be functions (key, shape, dtype) by parameter, got {checks.brief(initializers)}."
        )


def draw(cell: Cell, key: jax.Array, input_size: int, param_dtype: Any) -> Params:
    """Draws the parameters in JAX's default float and casts them: QR, for one, knows neither float16 nor bfloat16."""
    return cast(cell.init(key, input_size), param_dtype)


def draw_tree(
    cell: Cell, key: jax.Array, input_size: int, param_dtype: Any, initializers: Initializers
) -> dict[str, Any]:
    """Returns drawn parameters as a nested dict: those in `initializers`, boxed perhaps, by these, others by the cell.

    Raises:
      ValueError: an initialiser has the name of no parameter, or draws another shape.
    """
    leaves = by_name(draw(cell, key, input_size, param_dtype))
    names = {"/".join(path): path for path in leaves}
    own = jax.random.fold_in(key, _INITIALIZERS)
    for name, initializer in initializers.items():
        checks.choice("a name in initializers", name, tuple(names))
        drawn = leaves[names[name]]
        value = initializer(jax.random.fold_in(own, list(names).index(name)), drawn.shape, drawn.dtype)
        leaves[names[name]] = _filled(name, value, drawn)
    return nested(leaves)


def _filled(name: str, value: Any, drawn: jax.Array) -> Any:
    """Returns what an initialiser gave, with the cell's own draw where it asks for that, in the dtype of that."""
    if hasattr(value, "raw_value"):  # the box of nnx, which is no pytree; that of linen is one
        return dataclasses.replace(value, raw_value=_filled(name, value.raw_value, drawn))

    def fill(leaf: Any) -> Any:
        if isinstance(leaf, _Placeholder):
            return drawn
        if jnp.shape(leaf) != drawn.shape:
            raise ValueError(f"initializers[{name!r}] must draw shape {drawn.shape}, got {jnp.shape(leaf)}.")
        return jnp.asarray(leaf, drawn.dtype)

    return jax.tree.map(fill, value)
