"""What a layer adds to `unroll`: batch-major order, sequence lengths, and dtypes.

Letters as in `recurrax.cell`; arrays of a layer are batch-major, `[*B, T, D]`, as they are in Flax, unless it is
`time_major`.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from recurrax._layer.dtypes import cast, compute_dtype
from recurrax._layer.lengths import existing
from recurrax._util import checks
from recurrax._util.sizes import at_most
from recurrax.cell import Carry, Cell, Params
from recurrax.engine.executor import Executor
from recurrax.engine.make_run import make_run
from recurrax.engine.run import one_step
from recurrax.unroll import unroll

_KINDS = (jnp.floating, jnp.complexfloating, jnp.integer, jnp.bool_)
"""What a carry may be converted within: a cast from one kind to another would lose what it holds."""


class CarryAndOutputs(NamedTuple):
    """What a layer returns with `return_carry`, and a cell at every step."""

    carry: Carry
    outputs: Any


class Settings(Protocol):
    """The fields that a layer of either kind has."""

    cell: Cell
    reverse: bool
    keep_order: bool
    time_major: bool
    dtype: Any
    executor: str | Executor
    truncate_every: int | tuple[int, int] | None


def apply(
    settings: Settings,
    params: Params,
    inputs: Any,
    *,
    seq_lengths: Int[Array, "*B"] | None = None,
    mask: Bool[Array, "*B T"] | None = None,
    resets: Bool[Array, "*B T"] | None = None,
    initial_carry: Carry | None = None,
    first_step: int | Int[Array, ""] = 0,
    key: jax.Array | None = None,
) -> CarryAndOutputs:
    """Runs a layer's cell over sequences.

    Args:
      settings: the layer.
      params: the cell's parameters.
      inputs: `[*B, T, D]`, any number of batch axes; or a pytree whose leaves share `[*B, T]`.
      seq_lengths: steps at the start of each sequence that count; `mask` may take some of them away.
      mask: as in `unroll`, but batch-major.
      resets: as in `unroll`, but batch-major.
      initial_carry: as `carry` in `unroll`; cast to the dtype of the cell's own.
      first_step: as in `unroll`.
      key: as in `unroll`.

    Returns:
      The final carry, and the outputs `[*B, T, H]`, both in the compute dtype.

    Raises:
      TypeError, ValueError: an argument has a wrong structure, shape, dtype or value; the message names it.
    """
    cell = settings.cell
    steps = leading_axes(cell, inputs, 1, settings.time_major)
    _check_size(cell, params, inputs)
    time_axis = 0 if settings.time_major else len(steps) - 1
    batch_shape = steps[:time_axis] + steps[time_axis + 1 :]
    for name, flags in {"mask": mask, "resets": resets}.items():
        if flags is not None:
            checks.arrays(name, flags)
            meaning = "time-major [T, *B]" if settings.time_major else "batch-major [*B, T]"
            checks.flags(name, flags, steps, f"{meaning}, like the inputs")
    mask = existing(steps, seq_lengths, mask, settings.time_major)
    dtype = compute_dtype(settings.dtype, params, inputs)
    params, inputs = cast(params, dtype), cast(inputs, dtype)
    if initial_carry is not None:
        initial_carry = _carry("initial_carry", initial_carry, cell, params, batch_shape)

    def time_first(tree):
        return jax.tree.map(lambda a: jnp.moveaxis(a, time_axis, 0), tree)

    carry, ys = unroll(
        cell,
        params,
        time_first(inputs),
        initial_carry,
        mask=time_first(mask),
        resets=time_first(resets),
        reverse=settings.reverse,
        key=key,
        first_step=first_step,
        executor=settings.executor,
        truncate_every=settings.truncate_every,
    )
    if settings.reverse and not settings.keep_order:
        ys = jax.tree.map(lambda y: _turned(y, seq_lengths), ys)
    return CarryAndOutputs(carry, jax.tree.map(lambda y: jnp.moveaxis(y, 0, time_axis), ys))


def step(
    cell: Cell, params: Params, carry: Carry, inputs: Any, *, dtype: Any = None, key: jax.Array | None = None
) -> CarryAndOutputs:
    """Runs a cell over one step.

    Args:
      cell: the cell.
      params: its parameters.
      carry: the state, `[*B, ...]`.
      inputs: x_t, `[*B, D]`.
      dtype: in which to compute; None promotes inputs and parameters.
      key: randomness of this step.

    Returns:
      The new carry in the dtype that `carry` came with, so that a loop over steps can hold it, and y_t `[*B, H]` in
      the compute dtype.

    Raises:
      TypeError, ValueError: as `apply`.
    """
    batch_shape = leading_axes(cell, inputs, 0)
    _check_size(cell, params, inputs)
    dtype = compute_dtype(dtype, params, inputs)
    params, inputs = cast(params, dtype), cast(inputs, dtype)
    start = _carry("carry", carry, cell, params, batch_shape)
    run = make_run(cell, params, jax.tree.map(lambda x: x[None], inputs), start, key=key)
    new, y = one_step(run, run.carry, jax.tree.map(lambda a: a[0], run.inputs))
    return CarryAndOutputs(jax.tree.map(lambda a, old: a.astype(old.dtype), new, carry), y)


def initial_carry(cell: Cell, params: Params, input_shape: tuple[int, ...], dtype: Any = None) -> Carry:
    """Returns the cell's initial carry for x_t of a shape, in the compute dtype as far as the parameters tell it."""
    batch_shape = tuple(input_shape)[: len(input_shape) - cell.input_ndim]
    weights = cell.prepare(cast(params, compute_dtype(dtype, params)), batch_shape=batch_shape)
    return cell.initial_carry(weights, batch_shape)


def input_size(cell: Cell, inputs: Any) -> int:
    """Returns D, the last axis of the inputs (of their first leaf)."""
    leading_axes(cell, inputs, 0)
    return jax.tree.leaves(inputs)[0].shape[-1]


def leading_axes(cell: Cell, inputs: Any, time_axes: int, time_major: bool = False) -> tuple[int, ...]:
    """Returns the axes before the features, `[*B, T]`, `[T, *B]` or `[*B]`, which all leaves have to share."""
    checks.arrays("inputs", inputs)
    leaves = jax.tree_util.tree_leaves_with_path(inputs)
    meaning = ("[T, *B, D]" if time_major else "[*B, T, D]") if time_axes else "[*B, D]"
    if not leaves:
        raise ValueError(f"inputs has no array; give {meaning}.")
    first = leaves[0][1]
    count = first.ndim - cell.input_ndim
    if count < time_axes:
        raise ValueError(
            f"inputs must have at least {cell.input_ndim + time_axes} axes, {meaning}, for {cell!r}; "
            f"got shape {first.shape}."
        )
    for path, leaf in leaves:
        if leaf.shape[:count] != first.shape[:count]:
            raise ValueError(
                f"inputs{jax.tree_util.keystr(path)} has shape {leaf.shape}; every leaf must begin with the axes of "
                f"the first, {first.shape[:count]}."
            )
    return first.shape[:count]


def _turned(y: jax.Array, seq_lengths: Int[Array, "*B"] | None) -> jax.Array:
    """Returns outputs `[T, *B, ...]` in the reverse order; what lies beyond a sequence's length stays at the end."""
    if seq_lengths is None:
        return jnp.flip(y, 0)
    length, lengths = y.shape[0], jnp.asarray(seq_lengths)
    if at_most(length, 0):
        return y
    steps = jnp.arange(length).reshape(length, *(1,) * lengths.ndim)
    source = (lengths[None] - 1 - steps) % length
    return jnp.take_along_axis(y, source.reshape(source.shape + (1,) * (y.ndim - source.ndim)), 0)


def _check_size(cell: Cell, params: Params, inputs: Any) -> None:
    size, shape = cell.input_size(params), jax.tree.leaves(inputs)[0].shape
    if size is not None and size != shape[-1]:
        raise ValueError(
            f"inputs have {shape[-1]} features (shape {shape}), the parameters take {size}; features come last."
        )


def _carry(name: str, carry: Any, cell: Cell, params: Params, batch_shape: tuple[int, ...]) -> Carry:
    """Returns a carry from the user in the dtypes of the cell's own, after checking that it looks like that one."""
    checks.arrays(name, carry)
    own = jax.eval_shape(lambda: cell.initial_carry(cell.prepare(params, batch_shape=batch_shape), batch_shape))
    checks.fits(name, carry, own, repr(cell))

    def like_own(path, a, own):
        if not any(jnp.issubdtype(a.dtype, kind) and jnp.issubdtype(own.dtype, kind) for kind in _KINDS):
            raise TypeError(
                f"{name}{jax.tree_util.keystr(path)} is {a.dtype}, {cell!r} expects {own.dtype}; convert it."
            )
        return jnp.asarray(a, own.dtype)

    return jax.tree_util.tree_map_with_path(like_own, carry, own)
