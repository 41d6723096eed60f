"""A state as one real vector, and the Jacobian of a step as a linear map on such vectors."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util.float_leaves import float_leaves
from recurrax.cell import Carry, Projected
from recurrax.engine.run import Inputs, Run
from recurrax.gradflow.trajectory import step_function, wide_dtype

Columns = Float[Array, "*B N M"]
"""M state vectors side by side; N counts every real number of the state, both parts of a complex one."""


def state_vector(floats: list[jax.Array], batch_ndim: int) -> Float[Array, "*B N"]:
    """Joins the float leaves of a state, in float32 or wider; a complex one gives its real, then its imaginary part.

    N counts every one of these numbers.
    """
    dtype = wide_dtype(floats)
    parts = []
    for leaf in floats:
        flat = leaf.reshape(*leaf.shape[:batch_ndim], math.prod(leaf.shape[batch_ndim:]))
        parts += [flat.real, flat.imag] if jnp.iscomplexobj(flat) else [flat]
    return jnp.concatenate([part.astype(dtype) for part in parts], axis=-1)


def from_state_vector(vector: Float[Array, "*B N"], like: list[jax.Array]) -> list[jax.Array]:
    """Takes a state vector apart into leaves shaped and typed as those of `like`."""
    batch_ndim = vector.ndim - 1
    sizes = [math.prod(leaf.shape[batch_ndim:]) for leaf in like for _ in range(1 + jnp.iscomplexobj(leaf))]
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes) - 1)]
    parts = iter(jnp.split(vector, ends, axis=-1))
    leaves = []
    for leaf in like:
        part = jax.lax.complex(next(parts), next(parts)) if jnp.iscomplexobj(leaf) else next(parts)
        leaves.append(part.reshape(leaf.shape).astype(leaf.dtype))
    return leaves


def jacobian(run: Run, carry: Carry, z: Projected, inputs: Inputs) -> Callable[[Columns], Columns]:
    """Returns the map `columns -> (ds_t/ds_{t-1}) columns`, which never builds the matrix.

    All batch elements go through at once, since none influences another.
    """
    _, push = jax.linearize(*_vector_step(run, carry, z, inputs))
    return jax.vmap(push, in_axes=-1, out_axes=-1)


def jacobian_transposed(run: Run, carry: Carry, z: Projected, inputs: Inputs) -> Callable[[Columns], Columns]:
    """Returns the map `columns -> (ds_t/ds_{t-1})^T columns`."""
    _, pull = jax.vjp(*_vector_step(run, carry, z, inputs))
    return jax.vmap(lambda v: pull(v)[0], in_axes=-1, out_axes=-1)


def _vector_step(run, carry, z, inputs):
    """Returns the step as a function of a state vector, and the vector where it is to be linearised."""
    floats = float_leaves(carry)
    step = step_function(run, carry, z, inputs)
    ndim = run.batch_ndim
    return lambda v: state_vector(step(from_state_vector(v, floats)), ndim), state_vector(floats, ndim)


def random_orthonormal(batch_shape: tuple[int, ...], rows: int, columns: int, dtype) -> Columns:
    """Returns the same random orthonormal columns for every batch element.

    Random, since an axis of the state may be an invariant direction that never turns towards the dominant ones.
    """
    q, _ = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (rows, columns), dtype))
    return jnp.broadcast_to(q, (*batch_shape, rows, columns))
