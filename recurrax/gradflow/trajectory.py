"""The path that a run takes through state space, of which every measurement is a function.

Time is counted in processing order: s_0 is the initial carry and s_t the state after t steps, also when a run goes
backwards over its input (`reverse`). Integer leaves of a carry have no derivative and are left out everywhere.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.cell import Carry, Cell, Params, Projected, check_measurable
from recurrax.engine.linearized import Pushforward, linearized
from recurrax.engine.make_run import check_kinds, make_run
from recurrax.engine.meshes import on_mesh
from recurrax.engine.overflow import all_finite, select
from recurrax.engine.products import products_of, refusal
from recurrax.engine.run import (
    Inputs,
    Run,
    emit_all,
    in_processing_order,
    project_all,
    states_of_all,
    transition,
)
from recurrax.gradflow._numerics.without_cancellation import without_cancellation


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["run", "z", "states", "ys", "pushforwards"], meta_fields=["reverse"]
)
@dataclasses.dataclass(frozen=True)
class Trajectory:
    """A run with all its states: a pytree that passes through `jit`, `vmap` and `grad` whole.

    Attributes:
      run: the run, its inputs in processing order.
      z: the projected inputs of the T steps.
      states: s_0 to s_T, a carry with a time axis in front, `[T+1, *B, ...]`.
      ys: the outputs `[T, *B, ...]` in the order of the inputs, as `recurrax.unroll` returns them.
      pushforwards: the linear map of every step; None for a cell whose steps have to be linearised again, one by one.
      reverse: whether the run began at the last of its inputs.
    """

    run: Run
    z: Projected
    states: Carry
    ys: Any
    pushforwards: Pushforward | None
    reverse: bool

    @property
    def cell(self) -> Cell:
        """The cell."""
        return self.run.cell

    @property
    def final(self) -> Carry:
        """s_T."""
        return jax.tree.map(lambda s: s[-1], self.states)

    @property
    def before(self) -> Carry:
        """s_0 to s_{T-1}, which the steps leave."""
        return jax.tree.map(lambda s: s[:-1] if len(s) > 1 else _none_of(s), self.states)

    @property
    def after(self) -> Carry:
        """s_1 to s_T, which the steps reach."""
        return jax.tree.map(lambda s: s[1:] if len(s) > 1 else _none_of(s), self.states)

    @property
    def finite(self) -> Bool[Array, "T+1 *B"]:
        """Whether s_t, with the x_t that led to it and the y_t read from it, is free of inf and NaN, for t = 0 to T.

        What lies under the mask does not count.
        """
        steps = all_finite((self.run.inputs.x, self.ordered(self.ys)), (self.run.length, *self.run.batch_shape))
        states = all_finite(self.states, (self.run.length + 1, *self.run.batch_shape))
        return states & jnp.concatenate([jnp.ones((1, *self.run.batch_shape), bool), steps])

    @property
    def first_not_finite(self) -> Int[Array, "*B"]:
        """The least t at which `finite` is False, in processing order, 0 for the initial carry; -1 if there is none."""
        return jnp.where(self.finite.all(0), -1, jnp.argmin(self.finite, 0)).astype(jnp.int32)

    @property
    def steps_finite(self) -> Bool[Array, "T *B"]:
        """Whether a step has a Jacobian: it leaves and reaches what is finite, or is masked."""
        both = self.finite[:-1] & self.finite[1:]
        return both if self.run.inputs.mask is None else both | ~self.run.inputs.mask

    @property
    def resets(self) -> Bool[Array, "T *B"]:
        """Which steps begin with a reset, over which no gradient passes."""
        reset = self.run.inputs.reset
        return jnp.zeros((self.run.length, *self.run.batch_shape), bool) if reset is None else reset

    def ordered(self, tree: Any) -> Any:
        """Turns a tree of the T steps from the order of the inputs to processing order, or back."""
        return in_processing_order(tree, self.reverse)


def trajectory(
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
) -> Trajectory:
    """Runs a cell and keeps every state, for any number of measurements.

    >>> cell = LSTM(hidden_size=8)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.ones((20, 4, 3)))
    >>> path.states.c.shape, path.ys.shape
    ((21, 4, 8), (20, 4, 8))

    Args:
      cell: the cell.
      params: its parameters.
      xs: inputs `[T, *B, D]`.
      carry: s_0; default the cell's own.
      mask: as in `recurrax.unroll`.
      resets: as in `recurrax.unroll`.
      reverse: as in `recurrax.unroll`; t counts steps in processing order.
      key: as in `recurrax.unroll`.
      first_step: as in `recurrax.unroll`.

    Raises:
      TypeError, ValueError: as `recurrax.unroll`.
    """
    given = {"mask": mask, "resets": resets, "key": key, "first_step": first_step}
    check_kinds(cell, params, xs, carry, reverse=reverse, **given)
    return _trajectory(cell, reverse, params, xs, carry, given)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _trajectory(cell, reverse, params, xs, carry, given) -> Trajectory:
    follow = functools.partial(_followed, cell, reverse)
    of_run: Any = Run(cell, None, 0, 0, 1)  # pyright: ignore[reportArgumentType]
    axes_before_batch = Trajectory(of_run, 1, 1, 1, 1, reverse)  # pyright: ignore[reportArgumentType]
    return on_mesh(follow, xs, cell.input_ndim, axes_before_batch)(params, xs, carry, given)


def _followed(cell, reverse, params, xs, carry, given) -> Trajectory:
    run = make_run(cell, params, xs, carry, reverse=reverse, **given).forwards()
    z = project_all(run)
    if refusal(run) is None:
        factors = _factors(run, z)
        _, after, _, pushforwards = linearized(run, z, factors, [[] for _ in factors], without_cancellation)
    else:
        (_, after), pushforwards = states_of_all(run, z), None
    states = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), run.carry, after)
    ys = in_processing_order(emit_all(run, after, z), reverse)
    return Trajectory(run, z, states, ys, pushforwards, reverse)


def on_mesh_of(path: Trajectory, measure: Callable[..., Any], axes_before_batch: Any) -> Callable[..., Any]:
    """Returns a function of `path` for whatever mesh that lies on; see `recurrax.engine.meshes.on_mesh`."""
    return on_mesh(measure, path.run.inputs.x, path.cell.input_ndim, axes_before_batch)


def check_trajectory(path: Any) -> None:
    """Raises a TypeError unless `path` is a `Trajectory`."""
    if not isinstance(path, Trajectory):
        raise TypeError(
            f"path must be a Trajectory, as gradflow.trajectory(cell, params, xs) makes one, got {type(path).__name__}."
        )


def check_differentiable(path: Any) -> None:
    """Raises unless gradients along `path` can be measured at any scale.

    Raises:
      TypeError: it is no `Trajectory`.
      ValueError: its cell clips gradients.
    """
    check_trajectory(path)
    check_measurable(path.cell)


def pullbacks(path: Trajectory) -> tuple[Any, Callable[..., Callable[[list[jax.Array]], list[jax.Array]]]]:
    """Returns the steps of a path, ready to send gradients back through them.

    A gradient becomes NaN, whole and for good, where it meets a step that is not finite or overflows itself: what the
    step's nonlinearities would make of a NaN may be a zero. A reset makes it zero, whatever came.

    Returns:
      What a scan over the steps is given, time first, and the function from one step of it to the map from dL/ds_t to
      dL/ds_{t-1}, of float leaves.
    """
    steps, pullback_of = _plain_pullbacks(path)

    def guarded(step):
        step, finite, reset = step
        pullback = pullback_of(step)

        def back(cotangents):
            pulled = sent_through(finite, cotangents, pullback(cotangents))
            return [select(reset, jnp.zeros_like(a), a) for a in pulled]

        return back

    return (steps, path.steps_finite, path.resets), guarded


def _plain_pullbacks(path: Trajectory) -> tuple[Any, Callable[..., Callable[[list[jax.Array]], list[jax.Array]]]]:
    run = path.run
    if path.pushforwards is None:

        def linearized_again(step):
            carry, z, inputs = step
            _, pullback = jax.vjp(step_function(run, carry, z, inputs), float_leaves(carry))
            return lambda cotangents: pullback(cotangents)[0]

        return (path.before, path.z, run.inputs), linearized_again

    factors = _factors(run, path.z)

    def transposed(step):
        pushforward, carry, z = step
        arguments = [float_leaves(part) for part in (run.weights, run.initial, carry, z)]
        transpose = jax.linear_transpose(pushforward.push(run.weights, run.initial, factors, z), *arguments, [])
        return lambda cotangents: transpose(cotangents)[2]

    return (path.pushforwards, path.before, path.z), transposed


def _factors(run: Run, z: Projected) -> list[jax.Array]:
    """Returns the weights of the products of a step."""
    return [p.weight for p in products_of(run, z)]


def output_pullback(path: Trajectory, cotangents: list[jax.Array]) -> list[jax.Array]:
    """Returns, for s_1 to s_T, the gradient that reaches each through its own output; NaN where that is not finite.

    Args:
      path: the trajectory.
      cotangents: dL/dy for the float leaves of the outputs, in processing order.

    Returns:
      For every float leaf of the carry an array `[T, *B, ...]`.
    """
    merge = float_merger(path.after)

    def outputs(floats):
        return float_leaves(emit_all(path.run, merge(floats), path.z))

    _, pullback = jax.vjp(without_cancellation(outputs), float_leaves(path.after))
    return sent_through(path.finite[1:], cotangents, pullback(cotangents)[0])


def step_function(run: Run, carry: Carry, z: Projected, inputs: Inputs) -> Callable[[list[jax.Array]], list[jax.Array]]:
    """Returns one step as a function of the float leaves of s_{t-1}, to be linearised; it gives those of s_t."""
    merge = float_merger(carry)
    return without_cancellation(lambda floats: float_leaves(transition(run, merge(floats), z, inputs)))


def or_nan(keep: jax.Array, arrays: list[jax.Array]) -> list[jax.Array]:
    """Returns arrays with NaN for the examples where `keep` is False."""
    return [select(keep, a, jnp.full_like(a, jnp.nan)) for a in arrays]


def is_sent(arrays: list[jax.Array], shape: tuple[int, ...]) -> jax.Array:
    """Tells of every example, the axes of that shape in front, whether its gradient is not zero."""
    flags = [(a != 0).any(range(len(shape), a.ndim)) for a in arrays]
    return functools.reduce(jnp.logical_or, flags, jnp.zeros(shape, bool))


def sent_through(finite: jax.Array, sent: list[jax.Array], arrived: list[jax.Array]) -> list[jax.Array]:
    """Returns gradients that arrived, with NaN for every example where something on their way was not finite.

    Where nothing was sent nothing arrives, whatever lies between.

    Args:
      finite: whether what they came through is finite, of every example.
      sent: the gradients before, with the axes of `finite` in front.
      arrived: the gradients after.
    """
    kept = finite & all_finite(sent, finite.shape) & all_finite(arrived, finite.shape)
    some = is_sent(sent, finite.shape)
    return [select(some, a, jnp.zeros_like(a)) for a in or_nan(kept, arrived)]


def wide_dtype(arrays: list[jax.Array]) -> np.dtype:
    """Returns the real dtype to measure arrays in: the widest of theirs, at least float32."""
    return np.result_type(np.float32, *(jnp.finfo(a.dtype).dtype for a in arrays))


def _none_of(s: jax.Array) -> jax.Array:
    """An empty array of no origin: XLA's CPU compiler aborts on an empty slice of the states of an empty run."""
    return jnp.zeros((0, *s.shape[1:]), s.dtype)
