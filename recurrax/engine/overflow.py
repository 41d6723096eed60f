"""Numbers that are not finite, and derivatives through them: zero has to stay zero there, though 0 * inf is NaN."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import float_leaves, is_float


def select(condition: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
    """`jnp.where` for a condition over the leading axes; NaN of the side not taken does not pass."""
    return jnp.where(expanded(condition, yes), yes, no)


def where(condition: jax.Array, yes: Any, no: Any) -> Any:
    """Returns `select` of all leaves of two pytrees."""
    return jax.tree.map(functools.partial(select, condition), yes, no)


def expanded(a: jax.Array, like: jax.Array) -> jax.Array:
    """Returns what belongs to the leading axes of another array with as many axes as that has."""
    return a.reshape(a.shape + (1,) * (like.ndim - a.ndim))


def all_finite(tree: Any, shape: tuple[int, ...]) -> jax.Array:
    """Tells, for all indices of the leading axes of that shape, whether the floats of a pytree there are finite."""
    flags = [jnp.isfinite(a).all(range(len(shape), a.ndim)) for a in float_leaves(tree)]
    return functools.reduce(jnp.logical_and, flags, jnp.ones(shape, bool))


def finite_where(lost: jax.Array, tree: Any, shared: Any = ()) -> Any:
    """Returns a pytree with zeros for its numbers that are not finite, if a step is `lost`.

    What all steps share, arrays of the pytree `shared`, stays what it is: of anything else a copy per step is kept.
    """
    kept = set(map(id, jax.tree.leaves(shared)))

    def found(a: jax.Array) -> jax.Array:
        return jnp.where(lost & ~jnp.isfinite(a), 0, a) if is_float(a) and id(a) not in kept else a

    return jax.tree.map(found, tree)


def infinite_unless(finite: jax.Array, tangent: jax.Array) -> jax.Array:
    """Returns the tangent of what may not be finite: zero stays zero there, and what is not zero becomes infinite."""
    real = jnp.finfo(tangent.dtype).dtype
    huge = expanded(jnp.where(finite, 1, jnp.finfo(real).max).astype(real), tangent)
    if jnp.iscomplexobj(tangent):
        return jax.lax.complex(*(part * huge * huge * huge for part in (tangent.real, tangent.imag)))
    return tangent * huge * huge * huge


def without_number(lost: jax.Array, tree: Any) -> Any:
    """Returns a pytree whose floats are NaN where `lost`, with a derivative of one."""
    return jax.tree.map(lambda a: select(lost, a + jnp.asarray(jnp.nan, a.dtype), a) if is_float(a) else a, tree)


def excess(state: Any, alive: jax.Array) -> jax.Array:
    """Returns a sum that is not finite where a state is not; of gradients it leaves zero, and makes inf of the rest."""
    parts = [part for a in float_leaves(state) for part in ((a.real, a.imag) if jnp.iscomplexobj(a) else (a,))]
    total = jnp.zeros_like(alive, jnp.float32)
    for part in parts:
        total = total + part.astype(jnp.float32).sum(tuple(range(alive.ndim, part.ndim)))
    return infinite_unless(alive, total)
