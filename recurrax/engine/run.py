"""What one run of a cell is, and the meaning of a single step.

Masks, resets and randomness are defined here and nowhere else; executors and measurements only decide in which order
to call these functions.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from recurrax._util.float_leaves import at_least_float32, float_leaves, float_merger, is_float
from recurrax._util.sizes import at_most
from recurrax.cell import Carry, Cell, Dot, Projected, Weights, dot, layer_input, layer_key
from recurrax.engine import meshes
from recurrax.engine.overflow import (
    all_finite,
    excess,
    expanded,
    finite_where,
    infinite_unless,
    select,
    where,
    without_number,
)
from recurrax.engine.platforms import default_platform


class Inputs(NamedTuple):
    """What a step is given, for all steps (time first) or for one (no time axis); None where it is absent."""

    x: Any
    mask: Bool[Array, "T *B"] | None
    reset: Bool[Array, "T *B"] | None
    key: jax.Array | None
    lost: Bool[Array, "T *B"] | None = None
    """Where x is not finite, if there are masks or resets; something finite stands in its place."""


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "initial", "carry", "inputs"],
    meta_fields=["cell", "reverse", "platform"],
)
@dataclasses.dataclass(frozen=True)
class Run:
    """A run of a cell: a pytree of arrays whose cell and direction are static, so that it passes through `jit` whole.

    `make_run` makes one and checks it; executors and measurements take it as it is.

    Attributes:
      cell: the cell.
      weights: what its steps share, `cell.prepare(params)`.
      initial: what a reset restores, the cell's own initial carry.
      carry: where the run starts.
      inputs: what its steps are given.
      reverse: whether it begins at the last of its inputs.
      platform: where it is executed, "cpu", "gpu" or "tpu".
    """

    cell: Cell
    weights: Weights
    initial: Carry
    carry: Carry
    inputs: Inputs
    reverse: bool = False
    platform: str = dataclasses.field(default_factory=default_platform)

    @property
    def length(self) -> int:
        """T."""
        return jax.tree.leaves(self.inputs)[0].shape[0]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The batch axes."""
        x = jax.tree.leaves(self.inputs.x)[0]
        return x.shape[1 : x.ndim - self.cell.input_ndim]

    @property
    def batch_ndim(self) -> int:
        """Number of batch axes."""
        return len(self.batch_shape)

    def replace(self, **fields: Any) -> "Run":
        """Returns the run with other fields."""
        return dataclasses.replace(self, **fields)

    def forwards(self) -> "Run":
        """Returns the same run with its inputs in processing order."""
        return self.replace(inputs=in_processing_order(self.inputs, self.reverse), reverse=False)

    def without_inputs(self) -> "Run":
        """Returns the run with masks and resets alone, for steps whose inputs are projected already."""
        return self.replace(inputs=self.inputs._replace(x=None, key=None))


def project(run: Run, inputs: Inputs) -> Projected:
    """Projects one step's input."""
    return run.cell.project(run.weights, inputs.x, inputs.key)


def transition(run: Run, carry: Carry, z: Projected, inputs: Inputs, dot: Dot = dot) -> Carry:
    """Returns s_t from s_{t-1}: the reset, the cell's step, and the state held where the mask is False.

    Masks and resets cut gradients, and the zero that comes back from a cut has to stay zero, though 0 * inf is NaN. So
    a step whose result is not taken starts from the initial state, where its derivative is finite; and a state that is
    not finite stays what it is, with a derivative of one, until a reset ends it.
    """
    if not cuts(inputs):
        return run.cell.step(run.weights, carry, z, dot)
    start = restored(run, carry, inputs)
    taken = finite(start, inputs)
    if inputs.lost is not None:
        taken, start = taken & ~inputs.lost, without_number(inputs.lost, start)
    if inputs.mask is not None:
        taken, start = taken & inputs.mask, where(inputs.mask, start, carry)
    new = _step(run, where(taken, start, run.initial), z, inputs, dot)
    return where(taken, new, start)


def _step(run: Run, carry: Carry, z: Projected, inputs: Inputs, multiply: Dot) -> Carry:
    """Returns the cell's step; its derivative sends nothing back for nothing from a state that is not finite."""
    if multiply is not dot:  # an executor that sees the products, and linearises the step itself
        return run.cell.step(run.weights, carry, z, multiply)

    # All arrays are arguments, integers too: a rule may not close over what is traced.
    @jax.custom_jvp
    def guarded(weights, carry, z):
        return run.cell.step(weights, carry, z)

    @guarded.defjvp
    def _(primals, tangents):
        with_floats = float_merger(primals)
        new, push = jax.linearize(lambda *floats: run.cell.step(*with_floats(list(floats))), *float_leaves(primals))
        alive = finite(new, inputs)
        d_new = finite_where(~alive.all(), push, primals[0])(*float_leaves(tangents))
        return new, jax.tree.map(lambda a, d: infinite_unless(alive, d) if is_float(a) else d, new, d_new)

    return guarded(run.weights, carry, z)


def transition_by_unit(run: Run, carry: Carry, z: Projected, inputs: Inputs, dot: Dot = dot) -> Carry:
    """Returns s_t as `transition` does, for code that sees a unit at a time: who differentiates it minds overflow."""
    new = run.cell.step(run.weights, restored(run, carry, inputs), z, dot)
    return new if inputs.mask is None else where(inputs.mask, new, carry)


def restored(run: Run, carry: Carry, inputs: Inputs) -> Carry:
    """Returns the state that the step starts from: `carry`, or the initial one where a reset is due."""
    return carry if inputs.reset is None else where(inputs.reset, run.initial, carry)


def cuts(inputs: Inputs) -> bool:
    """Whether there are masks or resets, which cut gradients."""
    return inputs.mask is not None or inputs.reset is not None


def finite(carry: Carry, inputs: Inputs) -> Bool[Array, "*B"]:
    """Whether every number of a state is finite, for a step with masks or resets."""
    flags = inputs.reset if inputs.mask is None else inputs.mask
    assert flags is not None
    return all_finite(carry, flags.shape)


def emit(run: Run, carry: Carry, z: Projected, inputs: Inputs) -> Any:
    """Returns y_t from s_t, zero where the mask is False; not finite where the state is not, if there are cuts."""
    if not cuts(inputs):
        return run.cell.output(run.weights, carry, z)
    alive = finite(carry, inputs)
    y = run.cell.output(run.weights, where(alive, carry, run.initial), z)
    added = excess(carry, alive)
    y = jax.tree.map(lambda a: select(alive, a, a + expanded(added, a).astype(a.dtype)) if is_float(a) else a, y)
    return y if inputs.mask is None else where(inputs.mask, y, jax.tree.map(jnp.zeros_like, y))


def one_step(run: Run, carry: Carry, inputs: Inputs) -> tuple[Carry, Any]:
    """Returns s_t and y_t from s_{t-1} and one step's input."""
    z = project(run, inputs)
    carry = transition(run, carry, z, inputs)
    return carry, emit(run, carry, z, inputs)


def over_steps(
    step: Any, carry: Any, inputs: Any, *, reverse: bool = False, platform: str | None = None
) -> tuple[Any, Any]:
    """Returns what `meshes.scan` does; on a GPU 16 steps a turn, since each turn of a loop costs launches there.

    `platform` is that of the run, the default one where there is none.
    """
    turn = 16 if (platform or default_platform()) == "gpu" else 1
    return meshes.scan(step, carry, inputs, reverse=reverse, unroll=turn)


def project_all(run: Run) -> Projected:
    """Projects the inputs of all steps at once, time first."""
    leaves, treedef = jax.tree.flatten(run.weights)
    # The gradient of a bias is a sum over the steps, which in 16 bits would stall; that of a matrix is a product.
    stalls = [is_float(a) and a.ndim <= 1 and at_least_float32(a).dtype != a.dtype for a in leaves]
    leaves = [
        jnp.broadcast_to(at_least_float32(a), (run.length, *a.shape)).astype(a.dtype) if by_step else a
        for a, by_step in zip(leaves, stalls, strict=True)
    ]
    axes = treedef.unflatten([0 if by_step else None for by_step in stalls])
    weights = treedef.unflatten(leaves)
    return jax.vmap(lambda weights, inputs: project(run.replace(weights=weights), inputs), (axes, 0))(
        weights, run.inputs
    )


def states_of_all(run: Run, z: Projected) -> tuple[Carry, Carry]:
    """Returns s_T, and s_1 to s_T in the order of the inputs, step by step."""

    def step(carry, step_inputs):
        carry = transition(run, carry, *step_inputs)
        return carry, carry

    return over_steps(step, run.carry, (z, run.inputs), reverse=run.reverse, platform=run.platform)


def emit_all(run: Run, states: Carry, z: Projected) -> Any:
    """Returns y_1 to y_T from s_1 to s_T, all at once."""
    return jax.vmap(functools.partial(emit, run))(states, z, run.inputs)


def by_layer(execute: Callable[[Run], tuple[Carry, Any]], run: Run) -> tuple[Carry, Any]:
    """Runs the layers of a composition in depth one after the other, each over all steps."""
    finals, inputs, ys = [], run.inputs, None
    for n, layer in enumerate(run.cell.layers):
        if n > 0:
            x, lost = known_inputs(ys, inputs.mask, inputs.reset)
            inputs = inputs._replace(x=layer_input(layer, run.inputs.x, x), lost=lost)
        keys = run.inputs.key
        inputs = inputs._replace(key=None if keys is None else jax.vmap(lambda key, n=n: layer_key(key, n))(keys))
        final, ys = execute(Run(layer, run.weights[n], run.initial[n], run.carry[n], inputs, run.reverse, run.platform))
        finals.append(final)
    return tuple(finals), ys


def in_processing_order(tree: Any, reverse: bool) -> Any:
    """Flips the time axis of every leaf where a run is reversed; its own inverse."""
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree) if reverse else tree


def known_inputs(xs: Any, mask: jax.Array | None, resets: jax.Array | None) -> tuple[Any, jax.Array | None]:
    """Returns inputs that send back zero from steps that a mask or a reset cuts off, and where they were not finite."""
    if mask is None and resets is None:
        return xs, None
    flags = resets if mask is None else mask
    assert flags is not None
    found = all_finite(xs, flags.shape)
    exists = found if mask is None else found & mask
    return where_steps_exist(exists, xs), ~found if mask is None else ~found & mask


def where_steps_exist(mask: Bool[Array, "T *B"], xs: Any) -> Any:
    """Returns the inputs, with one that exists in the place of every one that does not.

    A step under the mask is computed as well, its result is not taken, and the gradient that it gets is zero. So it has
    to be where the cell has a finite derivative, since 0 * inf is NaN: zeros would not do for a logarithm or a
    quotient. It gets the first input that exists in its sequence; a sequence without any, that of the first sequence
    which has one; and where none exists at all, ones.
    """
    if at_most(mask.size, 0):
        return xs
    some, first = mask.any(0), jnp.argmax(mask, 0)

    def fill(x: jax.Array) -> jax.Array:
        axes = range(mask.ndim, x.ndim)
        own = jnp.take_along_axis(x, jnp.expand_dims(first, (0, *axes)), 0)[0]
        other = own.reshape(-1, *x.shape[mask.ndim :])[jnp.argmax(some)]
        substitute = jnp.where(some.any(), select(some, own, other), jnp.ones_like(own))
        return select(mask, x, jax.lax.stop_gradient(substitute))

    return jax.tree.map(fill, xs)
