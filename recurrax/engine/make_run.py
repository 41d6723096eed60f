"""A run made from what a user passes in: every argument checked once, and brought into the form that executors take."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params, check_cell
from recurrax.engine.meshes import varying_alike
from recurrax.engine.run import Inputs, Run, known_inputs, project, transition
from recurrax.parameters import parameter_shapes

_PREPARE = 2**32 - 1
"""Folded into the key for `prepare`: an index that no time step has."""


def make_run(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
    first_step: int | Int[Array, ""] = 0,
) -> Run:
    """Checks the arguments of a run, as `recurrax.unroll` describes them, and brings them into one form.

    Raises:
      TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
    """
    check_cell(cell)
    length, batch_shape = _check_inputs(cell, params, xs)
    steps = (length, *batch_shape)
    if mask is not None:
        checks.flags("mask", mask, steps, "[T, *B]")
    if resets is not None:
        checks.flags("resets", resets, steps, "[T, *B]")
        resets = resets if mask is None else resets & mask
    xs, lost = known_inputs(xs, mask, resets)
    weights = cell.prepare(
        params, key=None if key is None else jax.random.fold_in(key, _PREPARE), batch_shape=batch_shape
    )
    initial = cell.initial_carry(weights, batch_shape)
    if carry is None:
        carry = initial
    else:
        checks.fits("carry", carry, initial, repr(cell))
    inputs = Inputs(xs, mask, resets, _step_keys(key, first_step, length), lost)
    run = varying_alike(Run(cell, weights, initial, carry, inputs, reverse))
    _check_dtypes(run)
    return run


def check_kinds(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Any,
    *,
    mask: Any,
    resets: Any,
    reverse: Any,
    key: Any,
    first_step: Any,
) -> None:
    """Checks what `jit` would misread or refuse with words of its own; shapes are checked in `make_run`."""
    if isinstance(params, Cell) and not isinstance(cell, Cell):
        raise TypeError(f"cell comes first, params second; got {checks.brief(cell)}, then {params!r}.")
    check_cell(cell)
    for name, value in {"params": params, "xs": xs, "carry": carry, "mask": mask, "resets": resets}.items():
        checks.arrays(name, value)
    checks.boolean("reverse", reverse)
    checks.key(key)
    checks.step_number("first_step", first_step)


def _check_inputs(cell: Cell, params: Params, xs: Any) -> tuple[int, tuple[int, ...]]:
    """Returns T and the batch shape after checking `xs` and `params`."""
    leaves = jax.tree.leaves(xs)
    if not leaves:
        raise ValueError("xs has no array; give inputs of shape [T, *B, D].")
    if leaves[0].ndim < 1 + cell.input_ndim:
        raise ValueError(
            f"xs must have at least {1 + cell.input_ndim} axes, {_axes(cell)}, for {cell!r}; got shape "
            f"{leaves[0].shape}."
        )
    length, *batch_shape = leaves[0].shape[: leaves[0].ndim - cell.input_ndim]
    for path, leaf in jax.tree_util.tree_leaves_with_path(xs):
        if leaf.shape[: 1 + len(batch_shape)] != (length, *batch_shape):
            raise ValueError(
                f"xs{jax.tree_util.keystr(path)} has shape {leaf.shape}; every leaf must begin with the time and batch "
                f"axes of the first, {(length, *batch_shape)}."
            )
    size = cell.input_size(params)
    if size is not None and leaves[0].shape[-1] != size:
        raise ValueError(
            f"xs has {leaves[0].shape[-1]} features (shape {leaves[0].shape}), the parameters take {size}; "
            "time comes first and features last."
        )
    if cell.input_ndim > 1:
        wanted = jax.eval_shape(lambda: jax.tree.leaves(cell.zero_input(1))[0]).shape
        space = leaves[0].shape[leaves[0].ndim - cell.input_ndim : -1]
        # A cell whose `zero_input` has fewer axes than its inputs, the default one for one, does not tell its space.
        if len(wanted) == cell.input_ndim and space != wanted[:-1]:
            raise ValueError(
                f"xs has the spatial shape {space} (shape {leaves[0].shape}, {_axes(cell)}), {cell!r} takes "
                f"{wanted[:-1]}."
            )
    if cell.draws_parameters and cell.input_ndim > 0:
        checks.fits("params", params, parameter_shapes(cell, leaves[0].shape[-1]), repr(cell))
    return length, tuple(batch_shape)


def _axes(cell: Cell) -> str:
    """Returns the axes of `xs` by their letters."""
    return {2: "[T, *B, W, C]", 3: "[T, *B, H, W, C]", 4: "[T, *B, D, H, W, C]"}.get(cell.input_ndim, "[T, *B, D]")


def _step_keys(key: jax.Array | None, first_step: int | jax.Array, length: int) -> jax.Array | None:
    """Returns the keys of T steps, the first of which has the number `first_step`."""
    if key is None:
        return None
    numbers = jnp.asarray(first_step, jnp.uint32) + jnp.arange(length, dtype=jnp.uint32)
    return jax.vmap(functools.partial(jax.random.fold_in, key))(numbers)


def _check_dtypes(run: Run) -> None:
    """Raises unless the carry leaves a step with the dtypes that it came with."""
    inputs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), run.inputs)

    def step(run: Run) -> Carry:
        try:
            z = project(run, run.inputs)
        except (TypeError, AttributeError) as error:
            kind = checks.brief(run.inputs.x)
            raise TypeError(f"xs ({kind}) is no input that {run.cell!r} can take: {error}") from error
        return transition(run, run.carry, z, run.inputs)

    after = jax.eval_shape(step, run.replace(inputs=inputs))
    own = jax.tree.structure(run.carry)
    if type(after) is tuple and len(after) == 2 and jax.tree.structure(after[0]) == own != jax.tree.structure(after):
        raise TypeError(
            f"step of {run.cell!r} must return the new carry alone, got a pair whose first part is one; `output` tells "
            "y from the carry. from_step makes a cell of a function that returns (carry, y)."
        )
    checks.same_shapes("the carry after a step", after, run.carry, "the carry before it")
    for (path, before), new in zip(jax.tree_util.tree_leaves_with_path(run.carry), jax.tree.leaves(after), strict=True):
        if before.dtype != new.dtype:
            x = jax.tree.leaves(run.inputs.x)[0]
            raise TypeError(
                f"carry{jax.tree_util.keystr(path)} is {before.dtype} and a step of {run.cell!r} makes it {new.dtype}; "
                f"the carry keeps one dtype for the run. Cast params, xs ({x.dtype}) and carry to one dtype."
            )
