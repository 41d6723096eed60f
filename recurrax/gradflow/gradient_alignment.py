"""Whether a loss sees what the last state keeps of early ones."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Carry
from recurrax.gradflow._numerics.state_vectors import state_vector
from recurrax.gradflow.gradient_norms import loss_gradient, state_cotangents
from recurrax.gradflow.jacobian_products import Graded, at_every_product, log_frobenius
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, is_sent, on_mesh_of


class GradientAlignment(NamedTuple):
    """What becomes of g = dL/ds_T in (ds_T/ds_t)^T, beside what might become of it, for t = 0 (the initial carry) to T.

    Natural logarithms.
    """

    log_gain: Float[Array, "T+1 *B"]
    """Of |J^T g| / |g|, with J = ds_T/ds_t."""
    log_largest_gain: Float[Array, "T+1 *B"]
    """Of the leading singular value of J: the gain of a gradient in the best direction."""
    log_random_gain: Float[Array, "T+1 *B"]
    """Of |J|_F / sqrt(N): the root mean square gain of a gradient in a random direction."""
    log_share: Float[Array, "T+1 *B"]
    """Of the share of |g|^2 that lies in the leading directions of J."""
    leading: Float[Array, "T+1 *B"]
    """How many of the N directions lead; a random g has the share `leading` / N in them, on average."""


def gradient_alignment(
    path: Trajectory, loss: Callable[[Any, Carry], jax.Array], within: float = 0.1
) -> GradientAlignment:
    """Measures how the gradient of the last state lies to the directions in which early states live on.

        J = ds_T/ds_t = sum over i of sigma_i u_i v_i^T        |J^T g|^2 = sum over i of sigma_i^2 (u_i . g)^2

    u_i is what a small difference of an early state along v_i has become at the end. A gradient fades faster than
    sigma_1, or than the leading Lyapunov exponent says, where g has little in the u_i of large sigma_i: the state keeps
    something of the past that the loss does not see. Far back, u_1 turns into the leading backward Lyapunov vector at
    s_T, which no longer depends on t (Ginelli et al. 2007).

    A direction leads if sigma_i is at least `within` times sigma_1. So all of them lead in an orthogonal network, and
    the share is 1.

    >>> cell = LSTM(hidden_size=8)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.ones((20, 4, 3)))
    >>> alignment = gradflow.gradient_alignment(path, lambda ys, carry: ys[-1].sum())
    >>> alignment.log_share.shape, bool((alignment.log_gain <= alignment.log_largest_gain + 1e-4).all())
    ((21, 4), True)

    Args:
      path: the run, as `trajectory` makes it.
      loss: as in `gradient_norms`. g is what it sends into the last state, directly and through y_T; what it sends into
        earlier ones does not count.
      within: in (0, 1].

    Returns:
      Values for t = 0 to T, each `[T+1, *B]`. Over a reset the gains are -inf, and no direction leads. NaN where a
      step is not finite, and where g is zero. A share below the square of the dtype's precision is rounding.

    Raises:
      TypeError, ValueError: as `gradient_norms`; `within` is not in (0, 1].
    """
    check_differentiable(path)
    checks.positive("within", within)
    if within > 1:
        raise ValueError(f"within must be at most 1, got {within!r}.")
    return _alignment(within, path, *loss_gradient(path, loss))


@functools.partial(jax.jit, static_argnums=0)
def _alignment(within: float, path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> GradientAlignment:
    return on_mesh_of(path, functools.partial(_measured, within), 1)(path, dys, dlast)


def _measured(within: float, path: Trajectory, dys: list[jax.Array], dlast: list[jax.Array]) -> GradientAlignment:
    last, _ = state_cotangents(path, dys, dlast)
    # JAX's gradient by a complex number is that by its real part minus i times that by its imaginary part.
    gradient = state_vector([jnp.conj(a) for a in last.arrays], path.run.batch_ndim)
    gradient = gradient / jnp.linalg.norm(gradient, axis=-1, keepdims=True)

    def look(q_last: jax.Array, product: Graded, sent: tuple[jax.Array, jax.Array]) -> GradientAlignment:
        log_largest, cosines, leads = _directions(product, jnp.einsum("...nm,...n->...m", q_last, gradient), within)
        log_random = log_frobenius(product) - 0.5 * math.log(gradient.shape[-1])
        log_share = jnp.log(jnp.sum(jnp.square(cosines), axis=-1, where=leads))
        leading = jnp.sum(leads, axis=-1).astype(log_share.dtype)
        _, log_gain = sent
        return GradientAlignment(log_gain, log_largest, log_random, log_share, leading)

    some = is_sent(last.arrays, path.run.batch_shape)
    return jax.tree.map(lambda a: jnp.where(some, a, jnp.nan), at_every_product(look, path, gradient))


def _directions(product: Graded, vector: jax.Array, within: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the log of the largest singular value, the parts of a vector along all right singular directions, and
    which of these lead.

    From the eigenvectors of M^T M, which are exact for directions that lead, though not for those far below.
    """
    largest = jnp.max(product.log_scale, axis=-1, keepdims=True, initial=-jnp.inf)
    shift = jnp.where(jnp.isfinite(largest), largest, 0)
    matrix = jnp.exp(product.log_scale - shift)[..., None] * product.unit
    squares, directions = jnp.linalg.eigh(jnp.swapaxes(matrix, -1, -2) @ matrix)
    top = jnp.max(squares, axis=-1, initial=0)
    leads = (squares >= within**2 * top[..., None]) & (squares > 0)
    return shift[..., 0] + 0.5 * jnp.log(top), jnp.einsum("...nm,...n->...m", directions, vector), leads
