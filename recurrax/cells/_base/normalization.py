"""Layer normalisation, as cells and wrappers use it."""

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import at_least_float32


def layer_norm(a: jax.Array, gain: jax.Array, epsilon: float) -> jax.Array:
    """Returns `gain * (a - mean) / sqrt(variance + epsilon)` over the last axis (Ba, Kiros & Hinton 2016).

    Mean and variance are taken in float32 at least, the result has the dtype of `a`.

    Args:
      a: `[..., N]`.
      gain: `[N]`.
      epsilon: keeps the quotient, and its derivative, finite where all of `a` is the same.
    """
    wide = at_least_float32(a)
    centred = wide - wide.mean(-1, keepdims=True)
    return gain * (centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon)).astype(a.dtype)
