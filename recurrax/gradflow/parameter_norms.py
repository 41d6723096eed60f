"""How much of the gradient of the weights comes from each step."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import by_field, float_leaves, float_merger
from recurrax.cell import Carry, Projected
from recurrax.engine import meshes
from recurrax.engine.overflow import all_finite
from recurrax.engine.run import Inputs, Run, emit, project, transition
from recurrax.gradflow._numerics.scaled_arrays import Scaled, add, log_norms, scaled, unscaled
from recurrax.gradflow._numerics.without_cancellation import without_cancellation
from recurrax.gradflow.gradient_norms import loss_gradient, state_cotangents
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, is_sent, on_mesh_of, or_nan, pullbacks


class ParameterNorms(NamedTuple):
    """Natural logs of the norms of what steps 1 to T add to a gradient, each `[T, *B]`; index t - 1 is step t."""

    weights: Any
    """Of the part of dL/dw that comes from step t, by weight: in the structure of `cell.prepare(params)`, which is that
    of the parameters where a cell does not say otherwise; None for weights of integers."""
    gates: Any
    """Of dL/dz_t, by field of what the cell projects its input to: of gated cells one field a gate, and the gradient by
    its pre-activation where the projected input is a summand of that."""


def parameter_norms(path: Trajectory, loss: Callable[[Any, Carry], jax.Array]) -> ParameterNorms:
    """Splits the gradient of the weights by the step that it comes from.

    With weights w_t of their own for each step t, all equal,

        dL/dw = sum over t of dL/dw_t        dL/dw_t = (ds_t/dw_t)^T dL/ds_t + (dy_t/dw_t)^T dL/dy_t

    (Werbos 1990; Pascanu, Mikolov & Bengio 2013 call the summands temporal contributions). dL/ds_t is the total
    derivative, as `gradient_norms` measures it; w_t counts where the step projects x_t, moves the state, and reads y_t.
    The summands, not their norms, add up to the whole. What weights do before the first step, as a learned initial
    carry, is not counted. Examples are measured one by one: norms are of the gradient of each alone.

    >>> cell = LSTM(hidden_size=8)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.ones((20, 4, 3)))
    >>> norms = gradflow.parameter_norms(path, lambda ys, carry: ys[-1].sum())
    >>> norms.weights.w_h.shape, norms.gates.f.shape
    ((20, 4), (20, 4))

    Args:
      path: the run, as `trajectory` makes it.
      loss: as in `gradient_norms`.

    Returns:
      Log norms (nats) for t = 1 to T. -inf for an exact zero, which a step under the mask adds; NaN where the gradient
      or the step is not finite.

    Raises:
      TypeError, ValueError: as `gradient_norms`; the run has a key, whose noise is drawn for all examples together.
    """
    check_differentiable(path)
    if path.run.inputs.key is not None:
        raise ValueError("path must be a run without a key: examples are measured one by one, without their noise.")
    return _norms(path, *loss_gradient(path, loss))


@jax.jit
def _norms(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> ParameterNorms:
    return on_mesh_of(path, _by_step, 1)(path, dys, dlast)


def _by_step(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> ParameterNorms:
    run, ndim = path.run, path.run.batch_ndim
    last, direct = state_cotangents(path, dys, dlast)
    steps, pullback_of = pullbacks(path)
    of_examples = functools.partial(_of_example, run)
    for _ in range(ndim):
        of_examples = jax.vmap(of_examples)

    def back(total: Scaled, step):
        step, direct, dy, finite, *point = step
        some = is_sent(total.arrays, run.batch_shape) | is_sent(dy.arrays, run.batch_shape)
        known = finite & all_finite((total.arrays, dy.arrays), run.batch_shape)
        logs = [jnp.where(some, a, -jnp.inf) for a in or_nan(known, of_examples(total, dy, run.initial, *point))]
        return add(scaled(pullback_of(step)(total.arrays), total.exponent), direct), logs

    point = (path.before, path.after, path.z, run.inputs)
    inputs = (steps, direct, unscaled(dys, 1 + ndim), path.steps_finite, *point)
    _, logs = meshes.scan(back, last, inputs, reverse=True)
    weights = len(float_leaves(run.weights))
    return ParameterNorms(by_field(run.weights, logs[:weights]), by_field(path.z, logs[weights:]))


def _of_example(
    run: Run, total: Scaled, dy: Scaled, initial: Carry, before: Carry, after: Carry, z: Projected, inputs: Inputs
) -> list[jax.Array]:
    """Returns the log norms of dL/dw_t, by leaf of the weights, and then of dL/dz_t."""
    with_weights, with_z = float_merger(run.weights), float_merger(z)

    def of(weights: list[jax.Array]) -> Run:
        return run.replace(weights=with_weights(weights), initial=initial)

    def projected(weights):
        return float_leaves(project(of(weights), inputs))

    def moved(weights, z):
        return float_leaves(transition(of(weights), before, with_z(z), inputs))

    def read(weights, z):
        return float_leaves(emit(of(weights), after, with_z(z), inputs))

    point = float_leaves(run.weights), float_leaves(z)
    ways = []
    for function, cotangents in ((moved, total), (read, dy)):
        by_weights, by_z = jax.vjp(without_cancellation(function), *point)[1](cotangents.arrays)
        ways.append(scaled([*by_weights, *by_z], cotangents.exponent))
    both = add(*ways)
    by_weights, by_z = both.arrays[: len(point[0])], both.arrays[len(point[0]) :]
    (through_z,) = jax.vjp(without_cancellation(projected), point[0])[1](by_z)
    by_weights = [a + b for a, b in zip(by_weights, through_z, strict=True)]
    return log_norms(Scaled([*by_weights, *by_z], both.exponent))[0]
