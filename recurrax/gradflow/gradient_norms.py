"""How large the gradient is that reaches each state."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from recurrax.cell import Carry, Cell, Params, check_measurable
from recurrax.engine.run import check_kinds
from recurrax._util.float_leaves import by_field, float_leaves, float_merger
from recurrax.gradflow._numerics.scaled_arrays import Scaled, add, log_norms, scaled, unscaled
from recurrax.gradflow.trajectory import (
    Linearized,
    Trajectory,
    batch_ndim,
    in_processing_order,
    linearized_trajectory,
    output_pullback,
    outputs,
    states_before,
    step_pullback,
    trajectory,
)


class GradientNorms(NamedTuple):
    """Natural logs of the norm of dL/ds_t, for t = 0 (the initial carry) to T."""

    joint: Float[Array, "T+1 *B"]
    """Of the whole state."""
    fields: Any
    """Of each field of the carry, in the carry's own structure; None for fields of integers."""


def gradient_norms(
    cell: Cell,
    params: Params,
    xs: Any,
    loss: Callable[[Any, Carry], jax.Array],
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
) -> GradientNorms:
    """Measures the gradient of a loss with respect to every state of a run, in one reverse pass.

        dL/ds_T = partial L/ds_T + (dy_T/ds_T)^T dL/dy_T
        dL/ds_t = (ds_{t+1}/ds_t)^T dL/ds_{t+1} + (dy_t/ds_t)^T dL/dy_t

    This is the total derivative, along the recurrence and through y_t (it is what a zero added to s_t would get), and
    the state is the whole carry, (h, c) for an LSTM. Plots of the immediate derivative with respect to a layer's
    outputs show something else. The norm at distance k from the end is `joint[T - k]`.

    Cotangents carry a power of two per example, so that no norm underflows or overflows; an exact zero gives -inf.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> norms = gradflow.gradient_norms(cell, params, jnp.ones((20, 4, 3)), lambda ys, carry: ys[-1].sum())
    >>> norms.joint.shape, norms.fields.c.shape
    ((21, 4), (21, 4))

    Args:
      cell: the cell.
      params: its parameters.
      xs: inputs `[T, *B, D]`.
      loss: `(ys, final carry) -> scalar`, anything differentiable; `ys` is `[T, *B, H]` in the order of `xs`.
      carry: s_0; default the cell's own.
      mask: as in `recurrax.unroll`.
      resets: as in `recurrax.unroll`; no gradient passes a reset.
      reverse: as in `recurrax.unroll`; t counts steps in processing order.
      key: as in `recurrax.unroll`.

    Returns:
      Log norms (nats) for t = 0 to T, each `[T+1, *B]`.

    Raises:
      TypeError, ValueError: as `recurrax.unroll`, and where `loss` does not return a real scalar.
    """
    check_measurable(cell)
    check_loss(loss)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    run, ys = _forward(cell, reverse, params, xs, carry, mask, resets, key)
    dys, dlast = loss_gradient(loss, ys, jax.tree.map(lambda s: s[-1], run.path.states))
    return _backward(cell, reverse, run, dys, dlast)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _forward(cell, reverse, params, xs, carry, mask, resets, key) -> tuple[Linearized, Any]:
    run = linearized_trajectory(cell, params, xs, carry, mask, resets, reverse, key)
    return run, in_processing_order(outputs(cell, run.path), reverse)


def check_loss(loss: Any) -> None:
    """Raises a TypeError unless `loss` is a function."""
    if not callable(loss):
        raise TypeError(f"loss must be a function, (ys, final carry) -> scalar, got {loss!r}.")


@functools.partial(jax.jit, static_argnums=(0, 1))
def forward(cell, reverse, params, xs, carry, mask, resets, key) -> tuple[Trajectory, Any]:
    """Returns the run with its states, and the outputs in the order of `xs`."""
    path = trajectory(cell, params, xs, carry, mask, resets, reverse, key)
    return path, in_processing_order(outputs(cell, path), reverse)


def loss_gradient(loss, ys: Any, last: Carry) -> tuple[list[jax.Array], list[jax.Array]]:
    """Returns dL/dys and the partial derivative with respect to s_T, float leaves only."""
    merge_ys, merge_last = float_merger(ys), float_merger(last)

    def of_floats(ys_floats, last_floats):
        value = loss(merge_ys(ys_floats), merge_last(last_floats))
        if jnp.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
            raise TypeError(
                f"loss must return a real scalar, got shape {jnp.shape(value)} and dtype {jnp.result_type(value)}; "
                "sum or average over batch and time."
            )
        return value

    return jax.grad(of_floats, argnums=(0, 1))(float_leaves(ys), float_leaves(last))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _backward(cell, reverse, run: Linearized, dys, dlast) -> GradientNorms:
    fields, joint = at_every_state(log_norms, cell, run, in_processing_order(dys, reverse), dlast)
    return GradientNorms(joint, by_field(run.path.run.carry, fields))


def at_every_state(
    look: Callable[[Scaled], Any], cell: Cell, run: Linearized, dys: list[jax.Array], dlast: list[jax.Array]
) -> Any:
    """Returns what `look` makes of dL/ds_t, for t = 0 to T.

    Args:
      look: a function of the float leaves of one state's gradient.
      cell: the cell.
      run: its run.
      dys: dL/dy_1 to dL/dy_T, in processing order.
      dlast: the partial derivative of the loss with respect to s_T.
    """
    path = run.path
    total, before = state_cotangents(cell, path, dys, dlast)

    def back(total: Scaled, step):
        (pushforward, carry, z, inputs), through_output = step
        pullback = step_pullback(cell, run, pushforward, carry, z, inputs)
        total = add(scaled(pullback(total.arrays), total.exponent), through_output)
        return total, look(total)

    steps = (run.pushforwards, states_before(path), path.z, path.run.inputs)
    _, seen = jax.lax.scan(back, total, (steps, before), reverse=True)
    return jax.tree.map(lambda early, last: jnp.concatenate([early, last[None]]), seen, look(total))


def state_cotangents(
    cell: Cell, path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]
) -> tuple[Scaled, Scaled]:
    """Returns what a loss sends into the states directly.

    Args:
      cell: the cell.
      path: its run.
      dys: dL/dy_1 to dL/dy_T, in processing order.
      dlast: the partial derivative of the loss with respect to s_T.

    Returns:
      dL/ds_T, and for s_0 to s_{T-1} the part that comes through each one's own output (zero for s_0), time first.
    """
    ndim = batch_ndim(cell, path)
    through_outputs = [jnp.pad(g, [(1, 0)] + [(0, 0)] * (g.ndim - 1)) for g in output_pullback(cell, path, dys)]
    last = add(unscaled(dlast, ndim), unscaled([g[-1] for g in through_outputs], ndim))
    return last, unscaled([g[:-1] for g in through_outputs], 1 + ndim)
