"""Terms to add to a loss, for gradients that neither vanish nor explode."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from recurrax._util import checks
from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.cell import Carry
from recurrax.engine.products import products_of
from recurrax.engine.run import transition
from recurrax.gradflow._numerics.without_cancellation import without_cancellation
from recurrax.gradflow.gradient_norms import at_every_state, loss_gradient
from recurrax.gradflow.lyapunov import lyapunov_spectrum
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, on_mesh_of


def pascanu_omega(
    path: Trajectory, loss: Callable[[Any, Carry], jax.Array], *, squared: bool = False
) -> Float[Array, ""]:
    """Penalises steps that change the norm of the gradient that goes back through them.

        Omega = mean over t of (|delta_t ds_t/ds_{t-1}| / |delta_t| - 1)^2          delta_t = dL/ds_t

    (Pascanu, Mikolov & Bengio 2013, for the whole state.) As there, its gradient takes states and delta_t
    for constants, and what a step's nonlinearities make of the state: it is that of the weights in the products of the
    step, those that go through `dot`; of all weights in a cell that has no such product. Where delta_t is zero the step
    is not counted; nor is one that does not exist, or that follows a reset.

    Args:
      path: the run, as `recurrax.gradflow.trajectory` makes it; Omega is differentiable in its weights.
      loss: `(ys, final carry) -> scalar`, as in `recurrax.gradflow.gradient_norms`; summed over the batch.
      squared: take the ratio of squared norms, as the authors' code does.

    Returns:
      Omega, at least 0; 0 where no step is counted.

    Raises:
      TypeError, ValueError: as `recurrax.gradflow.gradient_norms`.
    """
    check_differentiable(path)
    cotangents = loss_gradient(jax.lax.stop_gradient(path), loss)
    return on_mesh_of(path, functools.partial(_omega, squared=squared), None)(path, *cotangents)


def _omega(path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array], *, squared: bool) -> Float[Array, ""]:
    """Returns Omega from what the loss sends into the outputs and the last state."""
    fixed = jax.lax.stop_gradient(path)
    deltas = at_every_state(lambda s: s.arrays, fixed, dys, dlast)
    deltas = jax.lax.stop_gradient([delta[1:] for delta in deltas])

    weights = [p.weight for p in products_of(path.run, fixed.z)]
    run = fixed.run if weights else fixed.run.replace(weights=path.run.weights)

    def ratio(delta, before, z, inputs):
        """Returns the (squared) ratio, and whether it counts."""
        merge, rest = float_merger(before), iter(weights)

        def dot(operand, weight, op=jnp.dot):
            # The value of the frozen product; the weight is live in the derivative by the operand alone.
            held = jax.lax.stop_gradient(operand)
            return op(held, jax.lax.stop_gradient(weight)) + op(operand - held, next(rest))

        def step(floats):
            return float_leaves(transition(run, merge(floats), z, inputs, dot))

        _, pullback = jax.vjp(without_cancellation(step), float_leaves(before))
        (back,) = pullback(delta)
        ndim = run.batch_ndim
        after, ahead = _squares(back, ndim), _squares(delta, ndim)
        counts = ahead > 0
        for flag, when in ((inputs.mask, True), (inputs.reset, False)):
            counts = counts if flag is None else counts & (flag == when)
        share = after / jnp.where(counts, ahead, 1)
        if not squared:
            share = jnp.sqrt(jnp.where(share > 0, share, 1)) * (share > 0).astype(share.dtype)
        return jnp.where(counts, (share - 1) ** 2, 0), counts

    terms, counts = jax.vmap(ratio)(deltas, fixed.before, fixed.z, fixed.run.inputs)
    return jnp.sum(terms) / jnp.maximum(jnp.sum(counts.astype(terms.dtype)), 1)


def norm_stabilizer(ys: Float[Array, "T *B H"], mask: Bool[Array, "T *B"] | None = None) -> Float[Array, ""]:
    """Penalises changes of the norm of the hidden state (Krueger & Memisevic 2016).

        mean over t of (|h_t| - |h_{t-1}|)^2            t = 2..T

    Args:
      ys: hidden states, as `recurrax.unroll` returns them.
      mask: which steps exist; pairs with one that does not are not counted.
    """
    square = jnp.sum(ys**2, -1)
    norms = jnp.sqrt(jnp.where(square > 0, square, 1)) * (square > 0).astype(ys.dtype)
    changes = (norms[1:] - norms[:-1]) ** 2
    if mask is None:
        return jnp.mean(changes) if changes.size else jnp.zeros((), ys.dtype)
    pairs = (mask[1:] & mask[:-1]).astype(ys.dtype)
    return jnp.sum(changes * pairs) / jnp.maximum(jnp.sum(pairs), 1)


def lyapunov_penalty(path: Trajectory, *, k: int, target: float = 0.0) -> Float[Array, ""]:
    """Draws the leading Lyapunov exponents to a target: gradient flossing (Engelken 2023).

        mean over examples and i = 1..k of (lambda_i - target)^2

    differentiated through the QR decompositions of every step, which costs N k^2 per step and keeps them all: meant for
    some steps before training and between, not for all.

    Args:
      path: the run, as `recurrax.gradflow.trajectory` makes it.
      k: how many exponents.
      target: nats per step.

    Raises:
      TypeError, ValueError: as `recurrax.gradflow.lyapunov_spectrum`.
    """
    checks.finite("target", target)
    return jnp.mean((lyapunov_spectrum(path, k=k) - target) ** 2)


def orthogonality_penalty(weight: Float[Array, "H M"], *, gates: int = 1) -> Float[Array, ""]:
    """Penalises recurrent weights for being far from orthogonal, gate by gate (Vorontsov et al. 2017, section 2.2).

        mean over gates of |W^T W - I|^2 / H            Frobenius norm

    Args:
      weight: the square blocks of all gates side by side.
      gates: how many there are.

    Raises:
      ValueError: the blocks are not square.
    """
    checks.positive_int("gates", gates)
    if weight.ndim != 2 or weight.shape[1] != gates * weight.shape[0]:
        raise ValueError(f"weight must have the shape [H, {gates} * H], got {weight.shape}.")
    blocks = jnp.stack(jnp.split(weight, gates, axis=1))
    products = jnp.einsum("gij,gik->gjk", blocks, blocks, precision="highest")
    return jnp.sum((products - jnp.eye(weight.shape[0], dtype=weight.dtype)[None]) ** 2) / weight.shape[1]


def _squares(floats: list[jax.Array], ndim: int) -> jax.Array:
    """Returns the sum of squares of every example."""
    return sum(jnp.sum(jnp.abs(a) ** 2, axis=tuple(range(ndim, a.ndim))) for a in floats)  # pyright: ignore[reportReturnType]
