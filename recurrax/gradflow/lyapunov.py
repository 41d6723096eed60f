"""The Lyapunov spectrum of a driven cell."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params, check_measurable
from recurrax.engine.run import check_kinds
from recurrax._util.float_leaves import float_leaves
from recurrax.gradflow._numerics.state_vectors import jacobian, random_orthonormal, state_vector
from recurrax.gradflow.trajectory import batch_ndim, states_before, trajectory


def lyapunov_spectrum(
    cell: Cell,
    params: Params,
    xs: Any,
    carry: Carry | None = None,
    *,
    mask: Bool[Array, "T *B"] | None = None,
    resets: Bool[Array, "T *B"] | None = None,
    reverse: bool = False,
    key: jax.Array | None = None,
    k: int | None = None,
    warm_up: int = 0,
) -> Float[Array, "*B K"]:
    """Measures the leading Lyapunov exponents along a run: the mean rates at which small differences grow or fade.

        Q_t R_t = (ds_t/ds_{t-1}) Q_{t-1}        lambda_i = mean over t of ln |R_t[i, i]|

    (Benettin et al. 1980; for recurrent networks Engelken, Wolf & Abbott 2023, Vogt et al. 2022). The state is the
    whole carry: for an LSTM (h, c), without which the constant error carousel is invisible. No Jacobian is built.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> gradflow.lyapunov_spectrum(cell, params, jnp.ones((100, 4, 3)), k=2).shape
    (4, 2)

    Args:
      cell: the cell.
      params: its parameters.
      xs: inputs `[T, *B, D]` that drive it.
      carry: s_0; default the cell's own.
      mask: as in `recurrax.unroll`; steps that do not exist are not counted.
      resets: as in `recurrax.unroll`; a reset forgets every difference, hence exponents of -inf.
      reverse: as in `recurrax.unroll`.
      key: as in `recurrax.unroll`.
      k: how many exponents; default all N of the joint state. Cost grows as N k^2 per step.
      warm_up: first steps whose growth is not counted, while the directions settle.

    Returns:
      Exponents in nats per step, largest first, `[*B, k]`. NaN where no step is counted.

    Raises:
      TypeError, ValueError: as `recurrax.unroll`, or `k` is not between 1 and N, or `warm_up` is negative.
    """
    if k is not None:
        checks.positive_int("k", k)
    checks.size("warm_up", warm_up)
    check_measurable(cell)
    check_kinds(params, xs, carry, mask, resets, reverse, key)
    return _spectrum(cell, reverse, k, warm_up, params, xs, carry, mask, resets, key)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _spectrum(cell, reverse, k, warm_up, params, xs, carry, mask, resets, key):
    path = trajectory(cell, params, xs, carry, mask, resets, reverse, key)
    run, ndim = path.run, batch_ndim(cell, path)
    start = state_vector(float_leaves(run.carry), ndim)
    size = start.shape[-1]
    if k is not None and k > size:
        raise ValueError(f"k must be at most {size}, the size of the joint state of {cell!r}, got {k}.")
    columns = random_orthonormal(start.shape[:-1], size, size if k is None else k, start.dtype)

    def step(state, inputs):
        columns, log_growth, counted = state
        carry, z, step_inputs, index = inputs
        columns, r = jnp.linalg.qr(jacobian(cell, run, carry, z, step_inputs, ndim)(columns))
        exists = jnp.ones(start.shape[:-1], bool) if step_inputs.mask is None else step_inputs.mask
        counts = exists & (index >= warm_up)
        rates = jnp.log(jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1)))
        return (columns, log_growth + jnp.where(counts[..., None], rates, 0), counted + counts.astype(jnp.int32)), None

    zero = jnp.zeros((*start.shape[:-1], columns.shape[-1]), start.dtype)
    states = states_before(path)
    steps = jnp.arange(jax.tree.leaves(path.states)[0].shape[0] - 1)
    (_, log_growth, counted), _ = jax.lax.scan(
        step, (columns, zero, jnp.zeros(start.shape[:-1], jnp.int32)), (states, path.z, run.inputs, steps)
    )
    return -jnp.sort(-log_growth / counted[..., None].astype(start.dtype), axis=-1)
