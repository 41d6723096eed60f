"""The Lyapunov spectrum of a driven cell."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax._util.float_leaves import float_leaves
from recurrax.engine import meshes
from recurrax.gradflow._numerics.state_vectors import jacobian, random_orthonormal, state_vector
from recurrax.gradflow.trajectory import Trajectory, check_differentiable, on_mesh_of


def lyapunov_spectrum(path: Trajectory, k: int | None = None, warm_up: int = 0) -> Float[Array, "*B K"]:
    """Measures the leading Lyapunov exponents along a run: the mean rates at which small differences grow or fade.

        Q_t R_t = (ds_t/ds_{t-1}) Q_{t-1}        lambda_i = mean over t of ln |R_t[i, i]|

    (Benettin et al. 1980; for recurrent networks Engelken, Wolf & Abbott 2023, Vogt et al. 2022). The state is the
    whole carry: for an LSTM (h, c), without which the constant error carousel is invisible. No Jacobian is built.

    >>> cell = LSTM(hidden_size=8)
    >>> path = gradflow.trajectory(cell, cell.init(jax.random.key(0), input_size=3), jnp.ones((100, 4, 3)))
    >>> gradflow.lyapunov_spectrum(path, k=2).shape
    (4, 2)

    Args:
      path: the run, as `trajectory` makes it. Steps under the mask are not counted; a reset forgets every difference,
        hence exponents of -inf.
      k: how many exponents; default all N of the joint state. Cost grows as N k^2 per step.
      warm_up: first steps whose growth is not counted, while the directions settle.

    Returns:
      Exponents in nats per step, largest first, `[*B, k]`. NaN where the run is not finite
      (`Trajectory.first_not_finite`), and where the mask leaves no step to count.

    Raises:
      TypeError, ValueError: `path` is no trajectory, its cell clips gradients, `k` is not between 1 and N, or `warm_up`
        is not between 0 and T - 1, so that no step would be counted.
    """
    check_differentiable(path)
    if k is not None:
        checks.positive_int("k", k)
    checks.size("warm_up", warm_up)
    if warm_up >= path.run.length:
        raise ValueError(
            f"warm_up must be less than the {path.run.length} steps of path, or none is counted, got {warm_up}."
        )
    return _spectrum(path, k, warm_up)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _spectrum(path: Trajectory, k: int | None, warm_up: int) -> jax.Array:
    return on_mesh_of(path, functools.partial(_exponents, k=k, warm_up=warm_up), 0)(path)


def _exponents(path: Trajectory, k: int | None, warm_up: int) -> jax.Array:
    run = path.run
    start = state_vector(float_leaves(run.carry), run.batch_ndim)
    size = start.shape[-1]
    if k is not None and k > size:
        raise ValueError(f"k must be at most {size}, the size of the joint state of {path.cell!r}, got {k}.")
    columns = random_orthonormal(start.shape[:-1], size, size if k is None else k, start.dtype)

    def step(state, inputs):
        columns, log_growth, counted, finite = state
        *arguments, index, step_finite = inputs
        columns = jacobian(run, *arguments)(columns)
        finite &= step_finite & jnp.isfinite(columns).all((-2, -1))
        columns, r = jnp.linalg.qr(columns)
        mask = arguments[-1].mask
        counts = (jnp.ones(start.shape[:-1], bool) if mask is None else mask) & (index >= warm_up)
        rates = jnp.log(jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1)))
        log_growth += jnp.where(counts[..., None], rates, 0)
        return (columns, log_growth, counted + counts.astype(jnp.int32), finite), None

    zero = jnp.zeros((*start.shape[:-1], columns.shape[-1]), start.dtype)
    nothing = (columns, zero, jnp.zeros(start.shape[:-1], jnp.int32), jnp.ones(start.shape[:-1], bool))
    steps = (path.before, path.z, run.inputs, jnp.arange(run.length), path.steps_finite)
    (_, log_growth, counted, finite), _ = meshes.scan(step, nothing, steps)
    exponents = -jnp.sort(-log_growth / counted[..., None].astype(start.dtype), axis=-1)
    return jnp.where(finite[..., None], exponents, jnp.nan)
