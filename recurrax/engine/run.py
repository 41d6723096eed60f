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

from recurrax._util.float_leaves import at_least_float32, is_float
from recurrax.cell import Carry, Cell, Dot, Projected, Weights, dot, layer_input, layer_key


class Inputs(NamedTuple):
    """What a step is given, for all steps (time first) or for one (no time axis); None where it is absent."""

    x: Any
    mask: Bool[Array, "T *B"] | None
    reset: Bool[Array, "T *B"] | None
    key: jax.Array | None


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "initial", "carry", "inputs"],
    meta_fields=["cell", "reverse"],
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
    """

    cell: Cell
    weights: Weights
    initial: Carry
    carry: Carry
    inputs: Inputs
    reverse: bool = False

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


def select(condition: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
    """`jnp.where` for a condition over the leading axes; NaN of the side not taken does not pass."""
    return jnp.where(condition.reshape(condition.shape + (1,) * (yes.ndim - condition.ndim)), yes, no)


def project(run: Run, inputs: Inputs) -> Projected:
    """Projects one step's input."""
    return run.cell.project(run.weights, inputs.x, inputs.key)


def transition(run: Run, carry: Carry, z: Projected, inputs: Inputs, dot: Dot = dot) -> Carry:
    """Returns s_t from s_{t-1}: the reset, the cell's step, and the state held where the mask is False."""
    new = run.cell.step(run.weights, restored(run, carry, inputs), z, dot)
    if inputs.mask is None:
        return new
    return jax.tree.map(functools.partial(select, inputs.mask), new, carry)


def restored(run: Run, carry: Carry, inputs: Inputs) -> Carry:
    """Returns the state that the step starts from: `carry`, or the initial one where a reset is due."""
    if inputs.reset is None:
        return carry
    return jax.tree.map(functools.partial(select, inputs.reset), run.initial, carry)


def emit(run: Run, carry: Carry, z: Projected, inputs: Inputs) -> Any:
    """Returns y_t from s_t, zero where the mask is False."""
    y = run.cell.output(run.weights, carry, z)
    mask = inputs.mask
    if mask is None:
        return y
    return jax.tree.map(lambda a: select(mask, a, jnp.zeros_like(a)), y)


def one_step(run: Run, carry: Carry, inputs: Inputs) -> tuple[Carry, Any]:
    """Returns s_t and y_t from s_{t-1} and one step's input."""
    z = project(run, inputs)
    carry = transition(run, carry, z, inputs)
    return carry, emit(run, carry, z, inputs)


def over_steps(step: Any, carry: Any, inputs: Any, *, reverse: bool = False) -> tuple[Any, Any]:
    """Returns what `jax.lax.scan` does; on a GPU 16 steps a turn, since each turn of a loop costs launches there."""
    turn = 16 if jax.default_backend() == "gpu" else 1
    return jax.lax.scan(step, carry, inputs, reverse=reverse, unroll=turn)


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

    return over_steps(step, run.carry, (z, run.inputs), reverse=run.reverse)


def emit_all(run: Run, states: Carry, z: Projected) -> Any:
    """Returns y_1 to y_T from s_1 to s_T, all at once."""
    return jax.vmap(functools.partial(emit, run))(states, z, run.inputs)


def by_layer(execute: Callable[[Run], tuple[Carry, Any]], run: Run) -> tuple[Carry, Any]:
    """Runs the layers of a composition in depth one after the other, each over all steps."""
    finals, inputs, ys = [], run.inputs, None
    for n, layer in enumerate(run.cell.layers):
        if n > 0:
            x = ys if inputs.mask is None else where_steps_exist(inputs.mask, ys)
            inputs = inputs._replace(x=layer_input(layer, run.inputs.x, x))
        keys = run.inputs.key
        inputs = inputs._replace(key=None if keys is None else jax.vmap(lambda key, n=n: layer_key(key, n))(keys))
        final, ys = execute(Run(layer, run.weights[n], run.initial[n], run.carry[n], inputs, run.reverse))
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
