"""Gradient clipping that keeps the direction also where a sum of squares would overflow."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32


def global_norm(tree: Any) -> Float[Array, ""]:
    """Returns the Euclidean norm of all leaves together, in float32 at least.

    Squares are taken of entries over the largest one, so that a norm overflows only where it is itself too large; it is
    NaN where an entry is inf or NaN.
    """
    exponent, relative = _parts(jax.tree.leaves(tree))
    return relative * _power_of_two(exponent, relative.dtype)


def clip_by_global_norm(gradients: Any, max_norm: float | Float[Array, ""]) -> Any:
    """Scales gradients down to the norm `max_norm` where theirs is larger (Pascanu et al. 2013, algorithm 1).

    Entries of 1e30, whose squares are inf in float32, and float16 whose sum of squares is, are scaled like any other.
    Where an entry is inf or NaN there is no direction to keep: all become NaN, for the training to stop at.

    >>> clip_by_global_norm(jnp.array([2e30, 0.0]), 1.0)
    Array([1., 0.], dtype=float32)

    With optax: `optax.stateless(lambda gradients, _: clip_by_global_norm(gradients, 1.0))`; for a bound that follows a
    schedule, `optax.inject_hyperparams` around a function that returns this for its argument `max_norm`.

    Args:
      gradients: a pytree of float arrays, complex ones included.
      max_norm: above 0; it may be traced, and then is not checked: all entries become NaN where it is NaN.

    Raises:
      TypeError, ValueError: `max_norm` is no finite number above 0.
    """
    bound = _checked("max_norm", max_norm)
    exponent, relative = _parts(jax.tree.leaves(gradients))
    bound = _cast(bound, relative.dtype)
    too_large = ~(relative * _power_of_two(exponent, relative.dtype) <= bound)

    def clip(g: jax.Array) -> jax.Array:
        wide = at_least_float32(g)
        # Two factors, as the norm, or its inverse, may leave the range of the dtype.
        clipped = wide * _power_of_two(-exponent, wide.dtype) * (bound / relative).astype(wide.dtype)
        return jnp.where(too_large, clipped, wide).astype(g.dtype)

    return jax.tree.map(clip, gradients)


def clip_by_value(gradients: Any, max_value: float | Float[Array, ""]) -> Any:
    """Brings every entry to between -max_value and max_value (Mikolov 2012); NaN stays NaN.

    Both parts of a complex entry are clipped for themselves. The direction is not kept.

    Args:
      gradients: a pytree of float arrays, complex ones included.
      max_value: above 0; it may be traced, and then is not checked.

    Raises:
      TypeError, ValueError: `max_value` is no finite number above 0.
    """
    bound = _checked("max_value", max_value)

    def clip(g: jax.Array) -> jax.Array:
        if jnp.iscomplexobj(g):
            return jax.lax.complex(clip(g.real), clip(g.imag))
        return jnp.clip(g, -_cast(bound, g.dtype), _cast(bound, g.dtype))

    return jax.tree.map(clip, gradients)


def _checked(name: str, bound: Any) -> Any:
    """Returns a bound: a number above 0, or an array whose value is not known yet."""
    if isinstance(bound, jax.Array) and bound.shape == ():
        if isinstance(bound, Tracer):
            return bound
        bound = bound.item()
    checks.positive(name, bound)
    return float(bound)


def _cast(bound: Any, dtype: Any) -> Any:
    """Returns a bound that dtypes do not widen for: a number is weakly typed by itself."""
    return bound if isinstance(bound, float) else bound.astype(dtype)


def _parts(leaves: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Returns e, and the norm of the entries times 2^-e, the largest of which is then near 1."""
    moduli = [jnp.abs(at_least_float32(g)) for g in leaves]
    dtype = jnp.result_type(jnp.float32, *(m.dtype for m in moduli))
    largest = jnp.zeros((), dtype)
    for m in moduli:
        largest = jnp.maximum(largest, jnp.max(m, initial=0).astype(dtype))
    # A power of two, and a normal one: XLA multiplies by inverses, and may take what is smaller for zero.
    limits = jnp.finfo(dtype)
    _, exponent = jnp.frexp(jnp.where(jnp.isfinite(largest), largest, 0))
    exponent = jnp.clip(exponent, limits.minexp + 2, limits.maxexp - 3)
    squares = [jnp.sum(jnp.square(m.astype(dtype) * _power_of_two(-exponent, dtype))) for m in moduli]
    norm = jnp.sqrt(sum(squares, jnp.zeros((), dtype)))
    return exponent, jnp.where(jnp.isfinite(norm), norm, jnp.nan)


def _power_of_two(exponent: jax.Array, dtype: Any) -> jax.Array:
    return jnp.ldexp(jnp.ones((), jnp.finfo(dtype).dtype), exponent).astype(dtype)
