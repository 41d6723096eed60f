"""How large the gradient is that reaches each state."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util.float_leaves import by_field, float_leaves, float_merger
from recurrax.cell import Carry
from recurrax.engine import meshes
from recurrax.gradflow._numerics.scaled_arrays import Scaled, add, log_norms, scaled, unscaled
from recurrax.gradflow._numerics.without_cancellation import without_cancellation
from recurrax.gradflow.trajectory import (
    Trajectory,
    check_differentiable,
    is_sent,
    on_mesh_of,
    or_nan,
    output_pullback,
    pullbacks,
    sent_through,
)


class GradientNorms(NamedTuple):
    """Natural logs of the norm of dL/ds_t, for t = 0 (the initial carry) to T."""

    joint: Float[Array, "T+1 *B"]
    """Of the whole state."""
    fields: Any
    """Of each field of the carry, in the carry's own structure; None for fields of integers."""


def gradient_norms(path: Trajectory, loss: Callable[[Any, Carry], jax.Array]) -> GradientNorms:
    """Measures the gradient of a loss with respect to every state of a run, in one reverse pass.

        dL/ds_T = partial L/ds_T + (dy_T/ds_T)^T dL/dy_T
        dL/ds_t = (ds_{t+1}/ds_t)^T dL/ds_{t+1} + (dy_t/ds_t)^T dL/dy_t

    This is the total derivative, along the recurrence and through y_t (it is what a zero added to s_t would get), and
    the state is the whole carry, (h, c) for an LSTM. Plots of the immediate derivative with respect to a layer's
    outputs show something else. So does `retain_grad` on c_t in PyTorch: h_t is computed from c_t there, so that the
    gradient of c_t includes the path through h_t; here h_t and c_t are two parts of one state. The norm at distance k
    from the end is `joint[T - k]`. No gradient passes a reset.

    Cotangents carry a power of two per example, so that no norm underflows or overflows; an exact zero gives -inf. NaN
    stands for a gradient that is not finite, or that passes something that is not: see `Trajectory.first_not_finite`.

    Norms are as accurate as the dtype where units saturate, since tanh and the logistic function are differentiated
    without cancellation, in the cell and in the loss: float32 does as well at a pre-activation of 40 as at 0. Beyond
    44 tanh' itself underflows in float32, and where the states of two dtypes drift apart, as in chaos or after long
    saturation, their norms do too: there, measure in float64 (cast the weights under `jax.enable_x64`).

    >>> cell = LSTM(hidden_size=8)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.ones((20, 4, 3)))
    >>> norms = gradflow.gradient_norms(path, lambda ys, carry: ys[-1].sum())
    >>> norms.joint.shape, norms.fields.c.shape
    ((21, 4), (21, 4))

    Args:
      path: the run, as `trajectory` makes it.
      loss: `(ys, final carry) -> scalar`, anything differentiable; `ys` is `[T, *B, H]` in the order of the inputs.

    Returns:
      Log norms (nats) for t = 0 to T, each `[T+1, *B]`.

    Raises:
      TypeError, ValueError: `path` is no trajectory, its cell clips gradients, or `loss` does not return a real scalar.
    """
    check_differentiable(path)
    dys, dlast = loss_gradient(path, loss)
    fields, joint = _norms(path, dys, dlast)
    return GradientNorms(joint, by_field(path.run.carry, fields))


@jax.jit
def _norms(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> tuple[list[jax.Array], jax.Array]:
    return on_mesh_of(path, functools.partial(at_every_state, log_norms), 1)(path, dys, dlast)


def loss_gradient(path: Trajectory, loss: Callable[[Any, Carry], jax.Array]) -> tuple[list[jax.Array], list[jax.Array]]:
    """Returns dL/dy_1 to dL/dy_T in processing order, and the partial derivative by s_T, of float leaves.

    Raises:
      TypeError: `loss` is no function, or does not return a real scalar.
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function, (ys, final carry) -> scalar, got {loss!r}.")
    ys, last = path.ys, path.final
    merge_ys, merge_last = float_merger(ys), float_merger(last)

    def of_floats(ys_floats, last_floats):
        value = loss(merge_ys(ys_floats), merge_last(last_floats))
        if jnp.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
            raise TypeError(
                f"loss must return a real scalar, got shape {jnp.shape(value)} and dtype {jnp.result_type(value)}; "
                "sum or average over batch and time."
            )
        return value

    of_floats = without_cancellation(of_floats)
    value, (dys, dlast) = jax.value_and_grad(of_floats, argnums=(0, 1))(float_leaves(ys), float_leaves(last))
    return on_mesh_of(path, _not_silent, (1, 0))(path, value, path.ordered(dys), dlast)


def _not_silent(path: Trajectory, value: jax.Array, dys: list[jax.Array], dlast: list[jax.Array]) -> tuple[Any, Any]:
    """Returns the gradient of a loss; NaN where the loss is, but its gradient zero, as that of max(NaN, 0) may be."""
    shape = path.run.batch_shape
    silent = ~(is_sent(dys, (path.run.length, *shape)).any(0) | is_sent(dlast, shape))
    return dys, or_nan(jnp.isfinite(value) | ~silent | path.finite.all(0), dlast)


def at_every_state(
    look: Callable[[Scaled], Any], path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]
) -> Any:
    """Returns what `look` makes of dL/ds_t, for t = 0 to T.

    Args:
      look: a function of the float leaves of one state's gradient.
      path: the run.
      dys: dL/dy_1 to dL/dy_T, in processing order.
      dlast: the partial derivative of the loss with respect to s_T.
    """
    total, before = state_cotangents(path, dys, dlast)
    steps, pullback_of = pullbacks(path)

    def back(total: Scaled, step):
        step, through_output = step
        total = add(scaled(pullback_of(step)(total.arrays), total.exponent), through_output)
        return total, look(total)

    _, seen = meshes.scan(back, total, (steps, before), reverse=True)
    return jax.tree.map(lambda early, last: jnp.concatenate([early, last[None]]), seen, look(total))


def state_cotangents(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> tuple[Scaled, Scaled]:
    """Returns what a loss sends into the states directly.

    Args:
      path: the run.
      dys: dL/dy_1 to dL/dy_T, in processing order.
      dlast: the partial derivative of the loss with respect to s_T.

    Returns:
      dL/ds_T, and for s_0 to s_{T-1} the part that comes through each one's own output (zero for s_0), time first.
    """
    ndim = path.run.batch_ndim
    through_outputs = [jnp.pad(g, [(1, 0)] + [(0, 0)] * (g.ndim - 1)) for g in output_pullback(path, dys)]
    dlast = sent_through(path.finite[-1], dlast, dlast)
    last = add(unscaled(dlast, ndim), unscaled([g[-1] for g in through_outputs], ndim))
    return last, unscaled([g[:-1] for g in through_outputs], 1 + ndim)
