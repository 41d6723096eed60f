"""What one run of a cell is: its arguments checked and made uniform, and the meaning of a single step.

Masks, resets and randomness are defined here and nowhere else; executors and measurements only decide in which order
to call these functions.
"""

import functools
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Dot, Params, Projected, Weights, dot, layer_input, layer_key
from recurrax._util.float_leaves import at_least_float32, is_float
from recurrax.parameters import parameter_shapes

_PREPARE = 2**32 - 1
"""Folded into the key for `prepare`: an index that no time step has."""


class Inputs(NamedTuple):
    """What a step is given, for all steps (time first) or for one (no time axis); None where it is absent."""

    x: Any
    mask: Bool[Array, "T *B"] | None
    reset: Bool[Array, "T *B"] | None
    key: jax.Array | None

    @property
    def length(self) -> int:
        """T, of the inputs of all steps."""
        return jax.tree.leaves(self)[0].shape[0]


class Run(NamedTuple):
    """A run of a cell, ready to be executed."""

    weights: Weights
    initial: Carry
    """What a reset restores: the cell's own initial carry."""
    carry: Carry
    """Where the run starts."""
    inputs: Inputs


class Execute(Protocol):
    """A way to execute a run; all agree in values and gradients."""

    def __call__(self, cell: Cell, run: Run, *, reverse: bool = False) -> tuple[Carry, Any]:
        """Returns the final carry and the outputs `[T, *B, ...]`, in the order of the inputs."""
        ...


def make_run(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None,
    mask: jax.Array | None,
    resets: jax.Array | None,
    key: jax.Array | None,
) -> Run:
    """Checks the arguments of a run and brings them into the one form that executors take.

    Raises:
      TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
    """
    length, batch_shape = _check_inputs(cell, params, xs)
    steps = (length, *batch_shape)
    if mask is not None:
        checks.flags("mask", mask, steps, "[T, *B]")
        xs = where_steps_exist(mask, xs)
    if resets is not None:
        checks.flags("resets", resets, steps, "[T, *B]")
        resets = resets if mask is None else resets & mask
    weights = cell.prepare(
        params, key=None if key is None else jax.random.fold_in(key, _PREPARE), batch_shape=batch_shape
    )
    initial = cell.initial_carry(weights, batch_shape)
    if carry is None:
        carry = initial
    else:
        checks.same_shapes("carry", carry, initial, repr(cell))
    keys = None if key is None else jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(length))
    run = Run(weights, initial, carry, Inputs(xs, mask, resets, keys))
    _check_dtypes(cell, run)
    return run


def check_kinds(params: Params, xs: Any, carry: Any, mask: Any, resets: Any, reverse: Any, key: Any) -> None:
    """Checks what `jit` would misread or refuse with words of its own; shapes are checked in `recurrence`."""
    for name, value in {"params": params, "xs": xs, "carry": carry, "mask": mask, "resets": resets}.items():
        checks.arrays(name, value)
    checks.boolean("reverse", reverse)
    checks.key(key)


def select(condition: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
    """`jnp.where` for a condition over the leading axes; NaN of the side not taken does not pass."""
    return jnp.where(condition.reshape(condition.shape + (1,) * (yes.ndim - condition.ndim)), yes, no)


def project(cell: Cell, weights: Weights, inputs: Inputs) -> Projected:
    """Projects one step's input."""
    return cell.project(weights, inputs.x, inputs.key)


def transition(
    cell: Cell, weights: Weights, initial: Carry, carry: Carry, z: Projected, inputs: Inputs, dot: Dot = dot
) -> Carry:
    """Returns s_t from s_{t-1}: the reset, the cell's step, and the state held where the mask is False."""
    start = restored(initial, carry, inputs)
    new = cell.step(weights, start, z, dot)
    if inputs.mask is None:
        return new
    return jax.tree.map(functools.partial(select, inputs.mask), new, carry)


def restored(initial: Carry, carry: Carry, inputs: Inputs) -> Carry:
    """Returns the state that the step starts from: `carry`, or the initial one where a reset is due."""
    if inputs.reset is None:
        return carry
    return jax.tree.map(functools.partial(select, inputs.reset), initial, carry)


def emit(cell: Cell, weights: Weights, carry: Carry, z: Projected, inputs: Inputs) -> Any:
    """Returns y_t from s_t, zero where the mask is False."""
    y = cell.output(weights, carry, z)
    mask = inputs.mask
    if mask is None:
        return y
    return jax.tree.map(lambda a: select(mask, a, jnp.zeros_like(a)), y)


def one_step(cell: Cell, run: Run, carry: Carry, inputs: Inputs) -> tuple[Carry, Any]:
    """Returns s_t and y_t from s_{t-1} and one step's input."""
    z = project(cell, run.weights, inputs)
    carry = transition(cell, run.weights, run.initial, carry, z, inputs)
    return carry, emit(cell, run.weights, carry, z, inputs)


def over_steps(step: Any, carry: Any, inputs: Any, *, reverse: bool = False) -> tuple[Any, Any]:
    """Returns what `jax.lax.scan` does; on a GPU 16 steps a turn, since each turn of a loop costs launches there."""
    turn = 16 if jax.default_backend() == "gpu" else 1
    return jax.lax.scan(step, carry, inputs, reverse=reverse, unroll=turn)


def project_all(cell: Cell, run: Run) -> Projected:
    """Projects the inputs of all steps at once, time first."""
    leaves, treedef = jax.tree.flatten(run.weights)
    # The gradient of a bias is a sum over the steps, which in 16 bits would stall; that of a matrix is a product.
    stalls = [is_float(a) and a.ndim <= 1 and at_least_float32(a).dtype != a.dtype for a in leaves]
    leaves = [
        jnp.broadcast_to(at_least_float32(a), (run.inputs.length, *a.shape)).astype(a.dtype) if by_step else a
        for a, by_step in zip(leaves, stalls, strict=True)
    ]
    axes = treedef.unflatten([0 if by_step else None for by_step in stalls])
    weights = treedef.unflatten(leaves)
    return jax.vmap(lambda weights, inputs: project(cell, weights, inputs), (axes, 0))(weights, run.inputs)


def states_of_all(
    cell: Cell, weights: Weights, initial: Carry, carry: Carry, z: Projected, inputs: Inputs, *, reverse: bool = False
) -> tuple[Carry, Carry]:
    """Returns s_T, and s_1 to s_T in the order of the inputs, step by step."""

    def step(carry, step_inputs):
        carry = transition(cell, weights, initial, carry, *step_inputs)
        return carry, carry

    return over_steps(step, carry, (z, inputs), reverse=reverse)


def emit_all(cell: Cell, weights: Weights, states: Carry, z: Projected, inputs: Inputs) -> Any:
    """Returns y_1 to y_T from s_1 to s_T, all at once."""
    return jax.vmap(lambda s, z, inputs: emit(cell, weights, s, z, inputs))(states, z, inputs)


def by_layer(execute: Execute, cell: Cell, run: Run, *, reverse: bool = False) -> tuple[Carry, Any]:
    """Runs the layers of a composition in depth one after the other, each over all steps."""
    finals, inputs, ys = [], run.inputs, None
    for n, layer in enumerate(cell.layers):
        if n > 0:
            x = ys if inputs.mask is None else where_steps_exist(inputs.mask, ys)
            inputs = inputs._replace(x=layer_input(layer, run.inputs.x, x))
        keys = run.inputs.key
        inputs = inputs._replace(key=None if keys is None else jax.vmap(lambda key, n=n: layer_key(key, n))(keys))
        start = Run(run.weights[n], run.initial[n], run.carry[n], inputs)
        final, ys = execute(layer, start, reverse=reverse)
        finals.append(final)
    return tuple(finals), ys


def in_processing_order(tree: Any, reverse: bool) -> Any:
    """Flips the time axis of every leaf where a run is reversed; its own inverse."""
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree) if reverse else tree


def where_steps_exist(mask: Bool[Array, "T *B"], xs: Any) -> Any:
    """Returns the inputs, with one that exists in the place of every one that does not.

    A step under the mask is computed as well, its result is not taken, and the gradient that it gets is zero. So it has
    to be where the cell has a finite derivative, since 0 * inf is NaN: zeros would not do for a logarithm or a
    quotient. It gets the first input that exists in its sequence; a sequence without any, that of the first sequence
    which has one; and where none exists at all, ones.
    """
    if not mask.size:
        return xs
    some, first = mask.any(0), jnp.argmax(mask, 0)

    def fill(x: jax.Array) -> jax.Array:
        axes = range(mask.ndim, x.ndim)
        own = jnp.take_along_axis(x, jnp.expand_dims(first, (0, *axes)), 0)[0]
        other = own.reshape(-1, *x.shape[mask.ndim :])[jnp.argmax(some)]
        substitute = jnp.where(some.any(), select(some, own, other), jnp.ones_like(own))
        return select(mask, x, jax.lax.stop_gradient(substitute))

    return jax.tree.map(fill, xs)


def _check_inputs(cell: Cell, params: Params, xs: Any) -> tuple[int, tuple[int, ...]]:
    """Returns T and the batch shape after checking `xs` and `params`."""
    leaves = jax.tree.leaves(xs)
    if not leaves:
        raise ValueError("xs has no array; give inputs of shape [T, *B, D].")
    if leaves[0].ndim < 1 + cell.input_ndim:
        raise ValueError(
            f"xs must have at least {1 + cell.input_ndim} axes, [T, *B, D], for {cell!r}; got shape {leaves[0].shape}."
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
    if cell.draws_parameters and cell.input_ndim > 0:
        checks.same_shapes("params", params, parameter_shapes(cell, leaves[0].shape[-1]), repr(cell))
    return length, tuple(batch_shape)


def _check_dtypes(cell: Cell, run: Run) -> None:
    """Raises unless the carry leaves a step with the dtypes that it came with."""
    inputs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), run.inputs)

    def step(run: Run) -> Carry:
        try:
            z = project(cell, run.weights, run.inputs)
        except (TypeError, AttributeError) as error:
            kind = jax.tree.structure(run.inputs.x)
            raise TypeError(f"xs (structure {kind}) is no input that {cell!r} can take: {error}") from error
        return transition(cell, run.weights, run.initial, run.carry, z, run.inputs)

    after = jax.eval_shape(step, run._replace(inputs=inputs))
    checks.same_shapes("the carry after a step", after, run.carry, "the carry before it")
    for (path, before), new in zip(jax.tree_util.tree_leaves_with_path(run.carry), jax.tree.leaves(after), strict=True):
        if before.dtype != new.dtype:
            x = jax.tree.leaves(run.inputs.x)[0]
            raise TypeError(
                f"carry{jax.tree_util.keystr(path)} is {before.dtype} and a step of {cell!r} makes it {new.dtype}; the "
                f"carry keeps one dtype for the run. Cast params, xs ({x.dtype}) and carry to one dtype."
            )
