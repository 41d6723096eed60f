"""Two cells over one sequence, from either end."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax._util.sizes import at_most
from recurrax.cell import Carry, Cell, Params, layer_key
from recurrax.engine import meshes
from recurrax.engine.executor import Executor
from recurrax.unroll import unroll

MERGES = ("concat", "sum", "mean", "product", "pair")
"""What may become of the outputs of the two directions."""


def bidirectional(
    cells: tuple[Cell, Cell],
    params: tuple[Params, Params],
    xs: Any,
    carries: tuple[Carry | None, Carry | None] = (None, None),
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    key: jax.Array | None = None,
    first_step: int | Int[Array, ""] = 0,
    merge: str = "concat",
    executor: str | Executor = "auto",
    truncate_every: int | tuple[int, int] | None = None,
) -> tuple[tuple[Carry, Carry], Any]:
    """Runs one cell from the first step on and one from the last, and joins what they give (Schuster & Paliwal 1997).

        y_t = [f_t, b_t]                f_t from x_1 to x_t, b_t from x_T to x_t

    Padding may lie anywhere: both directions pass over it, so that the backward one begins at the last step that
    exists, and outputs there are zero.

    >>> cells = LSTM(hidden_size=8), GRU(hidden_size=4)
    >>> params = tuple(c.init(jax.random.key(n), input_size=3) for n, c in enumerate(cells))
    >>> _, ys = bidirectional(cells, params, jnp.ones((20, 2, 3)), mask=length_mask(jnp.array([20, 7]), 20))
    >>> ys.shape
    (20, 2, 12)

    Args:
      cells: the cell of the forward direction, and that of the backward one.
      params: their parameters.
      xs: inputs `[T, *B, D]`.
      carries: their initial states, default each cell's own.
      mask: as in `recurrax.unroll`.
      resets: where True a new sequence begins. The forward direction starts anew there, the backward one at the step
        before, the last of the sequence that ends.
      key: randomness for cells that have some, another for each direction.
      first_step: as in `recurrax.unroll`.
      merge: "concat" (along the features), "sum", "mean", "product", or "pair" for a tuple of both.
      executor: as in `recurrax.unroll`.
      truncate_every: as in `recurrax.unroll`, for each direction.

    Returns:
      The two final carries, and the outputs in the order of `xs`.

    Raises:
      TypeError, ValueError: as `recurrax.unroll`; `merge` is none of the above.
    """
    checks.choice("merge", merge, MERGES)
    for name, value in {"cells": cells, "params": params, "carries": carries}.items():
        if not (isinstance(value, tuple) and len(value) == 2):
            raise TypeError(f"{name} must be a pair (forward, backward), got {checks.brief(value)}.")
    checks.key(key)
    own_resets = resets, None if resets is None else of_backward_direction(resets, mask)
    runs = [
        unroll(
            cell,
            params[n],
            xs,
            carries[n],
            mask=mask,
            resets=own_resets[n],
            reverse=n == 1,
            key=layer_key(key, n),
            first_step=first_step,
            executor=executor,
            truncate_every=truncate_every,
        )
        for n, cell in enumerate(cells)
    ]
    (forward, f), (backward, b) = runs
    return (forward, backward), merged(merge, f, b)


def of_backward_direction(resets: Bool[Array, "T *B"], mask: Bool[Array, "T *B"] | None) -> Bool[Array, "T *B"]:
    """Returns where the backward direction starts anew: at the last step before each of `resets` that exists."""

    def step(due, now):
        reset, exists = now
        # A reset stays due until a step comes that exists.
        return jnp.where(exists, reset, due), due

    exists = jnp.ones_like(resets) if mask is None else mask
    if at_most(resets.shape[0], 0):
        return resets
    return meshes.scan(step, jnp.zeros_like(resets[0]), (resets, exists), reverse=True)[1]


def merged(merge: str, f: Any, b: Any) -> Any:
    """Joins the outputs of the two directions; those that are a pytree leaf by leaf."""
    if merge == "pair":
        return f, b
    difference = checks.difference(b, f)
    if difference is not None:
        raise ValueError(
            f"merge={merge!r} needs outputs of one structure, but of the backward one{difference}; take 'pair'."
        )
    return jax.tree.map(functools.partial(_joined, merge), f, b)


def _joined(merge: str, f: jax.Array, b: jax.Array) -> jax.Array:
    if merge == "concat":
        return jnp.concatenate([f, b], axis=-1)
    if f.shape != b.shape:
        raise ValueError(f"merge={merge!r} needs outputs of one shape, got {f.shape} and {b.shape}; take 'concat'.")
    return f * b if merge == "product" else (f + b) / 2 if merge == "mean" else f + b
