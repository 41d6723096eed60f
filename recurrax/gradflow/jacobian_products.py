"""How a small difference in an early state arrives at the last one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util.float_leaves import float_leaves
from recurrax.engine import meshes
from recurrax.gradflow._numerics.state_vectors import jacobian_transposed, random_orthonormal, state_vector
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, on_mesh_of, or_nan


class JacobianProducts(NamedTuple):
    """Natural logs of norms of ds_T/ds_t, for t = 0 (the initial carry) to T."""

    log_frobenius: Float[Array, "T+1 *B"]
    log_singular_values: Float[Array, "T+1 *B N"]
    """All N, largest first; N counts every real number of the state."""


def jacobian_products(path: Trajectory) -> JacobianProducts:
    """Measures ds_T/ds_t = J_T J_{T-1} ... J_{t+1} with J_t = ds_t/ds_{t-1}, for every t.

    The product is kept as Q D U, with Q orthogonal, U upper triangular with ones on its diagonal, and the logarithms of
    the diagonal D. So even singular values that lie further apart than floats reach come out right, which those of the
    multiplied matrix do not beyond a ratio of 1e7 (float32).

    Args:
      path: the run, as `trajectory` makes it. The product over a reset is zero.

    Returns:
      Log Frobenius norms `[T+1, *B]` and log singular values `[T+1, *B, N]` (nats) of the joint state, -inf for a
      product that is zero, NaN for one with a step that is not finite. Where single singular values are zero (dead
      units, fields that nothing reads), they show as rounding: some 37 nats per step below the others, 16 in float32.
      At distance k from the end: index T - k.

    Raises:
      TypeError, ValueError: `path` is no trajectory, or its cell clips gradients.
    """
    check_differentiable(path)
    return _products(path)


@jax.jit
def _products(path: Trajectory) -> JacobianProducts:
    return on_mesh_of(path, _graded_products, 1)(path)


def _graded_products(path: Trajectory) -> JacobianProducts:
    def look(_, product: Graded, vector: None) -> JacobianProducts:
        return JacobianProducts(log_frobenius(product), log_singular_values(product))

    return at_every_product(look, path, None)


def at_every_product(look: Callable[..., Any], path: Trajectory, vector: Any) -> Any:
    """Returns what `look` makes of (ds_T/ds_t)^T = Q P Q_T^T, for t = 0 to T; NaN in it where a step is not finite.

    Args:
      look: a function of Q_T, the same for every t, of P as a `Graded`, and of `vector` sent through the product.
      path: the run.
      vector: a state vector `[*B, N]` to be sent through the product as well, kept as a unit vector and the log of its
        length, or None.
    """
    run = path.run
    like = state_vector(float_leaves(run.carry), run.batch_ndim)
    size, batch_shape, dtype = like.shape[-1], like.shape[:-1], like.dtype
    identity = jnp.broadcast_to(jnp.eye(size, dtype=dtype), (*batch_shape, size, size))
    q_last = random_orthonormal(batch_shape, size, size, dtype)
    product = Graded(jnp.zeros((*batch_shape, size), dtype), identity)
    sent = None if vector is None else _with_length(vector, jnp.zeros(batch_shape, dtype))

    def seen(product, sent, finite):
        found, structure = jax.tree.flatten(look(q_last, product, sent))
        return structure.unflatten(or_nan(finite, found))

    def back(state, step):
        q, product, sent, finite, cut = state
        *step, step_finite, reset = step
        cut |= reset
        columns = q if sent is None else jnp.concatenate([q, sent[0][..., None]], axis=-1)
        new = jnp.where(cut[..., None, None], 0, jacobian_transposed(run, *step)(columns))
        finite = cut | (finite & step_finite & jnp.isfinite(new).all((-2, -1)))
        # What is not finite is left out of the product, which a reset makes zero for good.
        new = jnp.where(finite[..., None, None], new, columns)
        q, r = positive_qr(new[..., :size])
        product = times(r, product)
        sent = None if sent is None else _with_length(new[..., size], sent[1])
        return (q, product, sent, finite, cut), seen(product, sent, finite)

    finite = path.finite[-1]
    start = (q_last, product, sent, finite, jnp.zeros_like(finite))
    steps = (path.before, path.z, run.inputs, path.steps_finite, path.resets)
    _, earlier = meshes.scan(back, start, steps, reverse=True)
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), earlier, seen(product, sent, finite))


def _with_length(vector: Float[Array, "*B N"], log_length: Float[Array, "*B"]) -> tuple[jax.Array, jax.Array]:
    """Returns the unit vector, and the log of the length with that of the vector added; zeros stay zeros."""
    largest = jnp.max(jnp.abs(vector), axis=-1, keepdims=True, initial=0)
    vector = vector / jnp.where(largest == 0, 1, largest)
    length = jnp.linalg.norm(vector, axis=-1, keepdims=True)
    log_length += (jnp.log(largest) + jnp.log(length))[..., 0]
    return vector / jnp.where(length == 0, 1, length), log_length


class Graded(NamedTuple):
    """The upper triangular matrix `diag(exp(log_scale)) @ unit`, whose rows may differ in size beyond all floats."""

    log_scale: Float[Array, "*B N"]
    unit: Float[Array, "*B N N"]


def positive_qr(columns: Float[Array, "*B N N"]) -> tuple[jax.Array, jax.Array]:
    """Returns the QR factors whose triangular one has a diagonal without negative entries."""
    q, r = jnp.linalg.qr(columns)
    sign = jnp.where(jnp.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1).astype(r.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]


def times(r: Float[Array, "*B N N"], product: Graded) -> Graded:
    """Returns r @ product for an upper triangular r with a diagonal d >= 0.

    With D = diag(exp(log_scale)), the new scale is d D and the new unit factor
    ((d D)^-1 r D) unit: every entry is a ratio of neighbours in size, so that nothing overflows. A row of zeros becomes
    a scale of -inf and keeps a row of the identity.
    """
    d = jnp.diagonal(r, axis1=-2, axis2=-1)
    log_scale = product.log_scale + jnp.log(d)
    zero_row = (d == 0) | ~jnp.isfinite(product.log_scale)
    ratio = r / jnp.where(d == 0, 1, d)[..., :, None]
    gap = product.log_scale[..., None, :] - jnp.where(zero_row, 0, product.log_scale)[..., :, None]
    limit = 0.9 * jnp.log(jnp.finfo(r.dtype).max)
    ratio = jnp.triu(ratio * jnp.exp(jnp.minimum(gap, limit)))
    ratio = jnp.where(zero_row[..., :, None], jnp.eye(r.shape[-1], dtype=r.dtype), ratio)
    return Graded(log_scale, ratio @ product.unit)


def log_frobenius(product: Graded) -> Float[Array, "*B"]:
    """Returns the log Frobenius norm."""
    largest = jnp.max(product.log_scale, axis=-1, initial=-jnp.inf)
    shift = jnp.where(jnp.isfinite(largest), largest, 0)
    rows = jnp.sum(jnp.square(product.unit), axis=-1)
    return shift + 0.5 * jnp.log(jnp.sum(jnp.exp(2 * (product.log_scale - shift[..., None])) * rows, axis=-1))


def log_singular_values(product: Graded, sweeps: int = 10) -> Float[Array, "*B N"]:
    """Returns the log singular values, largest first.

    Those within the range of floats come from a singular value decomposition of the matrix, which for rows that shrink
    downwards is accurate in every value, not only in the largest. Those below it come from `sweeps` steps R <- qr(R^T)
    of the QR iteration, which leave the singular values unchanged and drive R towards their diagonal matrix, the faster
    the further they lie apart.
    """
    largest = jnp.max(product.log_scale, axis=-1, keepdims=True, initial=-jnp.inf)
    shift = jnp.where(jnp.isfinite(largest), largest, 0)
    relative = product.log_scale - shift
    reach = 0.8 * jnp.log(jnp.finfo(relative.dtype).tiny)
    within = jnp.linalg.svd(jnp.exp(relative)[..., None] * product.unit, compute_uv=False)
    direct = jnp.log(within) + shift

    def transpose(_, graded: Graded) -> Graded:
        _, r = positive_qr(jnp.swapaxes(graded.unit, -1, -2))
        return times(r, Graded(graded.log_scale, jnp.broadcast_to(jnp.eye(r.shape[-1], dtype=r.dtype), r.shape)))

    def iterated() -> jax.Array:
        log_scale = jax.lax.fori_loop(0, sweeps, transpose, product).log_scale
        log_scale = -jnp.sort(-log_scale, axis=-1)
        return jnp.where(log_scale - shift > reach, direct, log_scale)

    return jax.lax.cond(jnp.all(relative > reach), lambda: direct, iterated)
