"""What a layer adds to `unroll`: batch-major order, sequence lengths, and dtypes.

Shared by the adapters `recurrax.linen` and `recurrax.nnx`, which only hold the parameters; nothing here needs Flax.
Letters as in `recurrax.cell`; arrays of a layer are batch-major, `[*B, T, D]`, as they are in Flax.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax.bidirectional import of_backward_direction
from recurrax.cell import Carry, Cell, Params, check_cell
from recurrax.engine.executor import Executor
from recurrax.engine.make_run import make_run
from recurrax.engine.run import one_step
from recurrax.unroll import length_mask, unroll

_KINDS = (jnp.floating, jnp.complexfloating, jnp.integer, jnp.bool_)
"""What a carry may be converted within: a cast from one kind to another would lose what it holds."""


def check_fields(cell: Any, dtype: Any, param_dtype: Any) -> None:
    """Raises unless the fields that every layer has are a cell and two dtypes of real numbers."""
    check_cell(cell)
    given = {"param_dtype": param_dtype} if dtype is None else {"dtype": dtype, "param_dtype": param_dtype}
    for name, value in given.items():
        if not _is_floating(value):
            raise ValueError(f"{name} must be a floating dtype such as jnp.float32 or jnp.bfloat16, got {value!r}.")


def input_size(cell: Cell, inputs: Any) -> int:
    """Returns D, the last axis of the inputs (of their first leaf)."""
    _leading_axes(cell, inputs, "[*B, D]", 0)
    return jax.tree.leaves(inputs)[0].shape[-1]


def _is_floating(dtype: Any) -> bool:
    try:
        return jnp.issubdtype(dtype, jnp.floating)
    except TypeError:  # it names no dtype at all
        return False


def draw(cell: Cell, key: jax.Array, input_size: int, param_dtype: Any) -> Params:
    """Draws the parameters in JAX's default float and casts them: QR, for one, knows neither float16 nor bfloat16."""
    return cast(cell.init(key, input_size), param_dtype)


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


def initial_carry(cell: Cell, params: Params, batch_shape: tuple[int, ...], dtype: Any = None) -> Carry:
    """Returns the cell's initial carry in the compute dtype, as far as it can be told without an input."""
    weights = cell.prepare(cast(params, compute_dtype(dtype, params)), batch_shape=batch_shape)
    return cell.initial_carry(weights, batch_shape)


def run(
    cell: Cell,
    params: Params,
    inputs: Any,
    *,
    dtype: Any = None,
    reverse: bool = False,
    executor: str | Executor = "auto",
    truncate_every: int | tuple[int, int] | None = None,
    seq_lengths: Int[Array, "*B"] | None = None,
    mask: Bool[Array, "*B T"] | None = None,
    resets: Bool[Array, "*B T"] | None = None,
    initial_carry: Carry | None = None,
    key: jax.Array | None = None,
    first_step: int | Int[Array, ""] = 0,
) -> tuple[Carry, Any]:
    """Runs a cell over batch-major sequences.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[*B, T, D]`, any number of batch axes; or a pytree whose leaves share `[*B, T]`.
      dtype: in which to compute; None promotes inputs and parameters.
      reverse: as in `unroll`.
      executor: as in `unroll`.
      truncate_every: as in `unroll`.
      seq_lengths: steps at the start of each sequence that count; `mask` may take some of them away.
      mask: as in `unroll`, but batch-major.
      resets: as in `unroll`, but batch-major.
      initial_carry: as `carry` in `unroll`; cast to the dtype of the cell's own.
      key: as in `unroll`.
      first_step: as in `unroll`.

    Returns:
      The final carry, and the outputs `[*B, T, H]`, both in the compute dtype.

    Raises:
      TypeError, ValueError: an argument has a wrong structure, shape, dtype or value; the message names it.
    """
    *batch_shape, length = steps = _leading_axes(cell, inputs, "[*B, T, D]", 1)
    _check_size(cell, params, inputs)
    time_axis = len(batch_shape)
    for name, flags in {"mask": mask, "resets": resets}.items():
        if flags is not None:
            checks.arrays(name, flags)
            checks.flags(name, flags, steps, "batch-major [*B, T], like the inputs")
    if seq_lengths is not None:
        within = _within(seq_lengths, tuple(batch_shape), length)
        mask = within if mask is None else mask & within
    dtype = compute_dtype(dtype, params, inputs)
    params, inputs = cast(params, dtype), cast(inputs, dtype)
    if initial_carry is not None:
        initial_carry = _carry("initial_carry", initial_carry, cell, params, tuple(batch_shape))

    def time_first(tree):
        return jax.tree.map(lambda a: jnp.moveaxis(a, time_axis, 0), tree)

    carry, ys = unroll(
        cell,
        params,
        time_first(inputs),
        initial_carry,
        mask=time_first(mask),
        resets=time_first(resets),
        reverse=reverse,
        key=key,
        first_step=first_step,
        executor=executor,
        truncate_every=truncate_every,
    )
    return carry, jax.tree.map(lambda y: jnp.moveaxis(y, 0, time_axis), ys)


def step(
    cell: Cell, params: Params, carry: Carry, inputs: Any, *, dtype: Any = None, key: jax.Array | None = None
) -> tuple[Carry, Any]:
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
      TypeError, ValueError: as `run`.
    """
    batch_shape = _leading_axes(cell, inputs, "[*B, D]", 0)
    _check_size(cell, params, inputs)
    dtype = compute_dtype(dtype, params, inputs)
    params, inputs = cast(params, dtype), cast(inputs, dtype)
    start = _carry("carry", carry, cell, params, batch_shape)
    run = make_run(cell, params, jax.tree.map(lambda x: x[None], inputs), start, key=key)
    new, y = one_step(run, run.carry, jax.tree.map(lambda a: a[0], run.inputs))
    return jax.tree.map(lambda a, old: a.astype(old.dtype), new, carry), y


def existing(
    cell: Cell, inputs: Any, seq_lengths: Int[Array, "*B"] | None, mask: Bool[Array, "*B T"] | None
) -> Bool[Array, "*B T"] | None:
    """Returns the mask of the steps that exist by their length and by `mask`; None for all.

    Raises:
      TypeError, ValueError: as `run`.
    """
    if seq_lengths is None:
        return mask
    *batch_shape, length = _leading_axes(cell, inputs, "[*B, T, D]", 1)
    within = _within(seq_lengths, tuple(batch_shape), length)
    return within if mask is None else mask & within


def backward_resets(resets: Bool[Array, "*B T"] | None, mask: Bool[Array, "*B T"] | None) -> Any:
    """Returns where the backward direction of a bidirectional layer starts anew."""
    if resets is None:
        return None
    time_first = [None if a is None else jnp.moveaxis(a, -1, 0) for a in (resets, mask)]
    return jnp.moveaxis(of_backward_direction(*time_first), 0, -1)  # pyright: ignore[reportArgumentType]


def _leading_axes(cell: Cell, inputs: Any, meaning: str, time_axes: int) -> tuple[int, ...]:
    """Returns the axes before the features, `[*B, T]` or `[*B]`, which all leaves have to share."""
    checks.arrays("inputs", inputs)
    leaves = jax.tree_util.tree_leaves_with_path(inputs)
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


def _check_size(cell: Cell, params: Params, inputs: Any) -> None:
    size, shape = cell.input_size(params), jax.tree.leaves(inputs)[0].shape
    if size is not None and size != shape[-1]:
        raise ValueError(
            f"inputs have {shape[-1]} features (shape {shape}), the parameters take {size}; features come last."
        )


def _within(seq_lengths: Any, batch_shape: tuple[int, ...], length: int) -> jax.Array:
    """Returns the mask `[*B, T]` that is True within each sequence's length."""
    seq_lengths = jnp.asarray(seq_lengths)
    if seq_lengths.shape != batch_shape:
        raise ValueError(
            f"seq_lengths must have shape {batch_shape} ([*B], one length per sequence), got {seq_lengths.shape}."
        )
    try:
        return jnp.moveaxis(length_mask(seq_lengths, length), 0, -1)
    except (TypeError, ValueError) as error:
        raise type(error)(f"seq_lengths: {error}") from None


def _carry(name: str, carry: Any, cell: Cell, params: Params, batch_shape: tuple[int, ...]) -> Carry:
    """Returns a carry from the user in the dtypes of the cell's own, after checking that it looks like that one."""
    checks.arrays(name, carry)
    own = jax.eval_shape(lambda: cell.initial_carry(cell.prepare(params, batch_shape=batch_shape), batch_shape))
    checks.same_shapes(name, carry, own, repr(cell))

    def like_own(path, a, own):
        if not any(jnp.issubdtype(a.dtype, kind) and jnp.issubdtype(own.dtype, kind) for kind in _KINDS):
            raise TypeError(
                f"{name}{jax.tree_util.keystr(path)} is {a.dtype}, {cell!r} expects {own.dtype}; convert it."
            )
        return jnp.asarray(a, own.dtype)

    return jax.tree_util.tree_map_with_path(like_own, carry, own)
