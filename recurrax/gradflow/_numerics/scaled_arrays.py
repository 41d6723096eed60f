"""Cotangents that neither underflow nor overflow: arrays times a power of two per example.

Backpropagation through k steps multiplies by roughly r^k, and float32 flushes 0.5^k to zero near k = 127. Here the
factor is split off as an integer power of two, which rescales without any rounding, and logarithms are taken at the
very end: a log norm is as accurate after 100,000 steps as after one.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from recurrax.gradflow.trajectory import wide_dtype

_ZERO = -(2**30)
"""Exponent of an exact zero: loses against every other when two are added."""


class Scaled(NamedTuple):
    """The value `arrays * 2^exponent`."""

    arrays: list[jax.Array]
    """Leaves `[*B, ...]`."""
    exponent: Int[Array, "*B"]


def scaled(arrays: list[jax.Array], exponent: Int[Array, "*B"]) -> Scaled:
    """Returns the same value with every example's largest entry brought to between 1/2 and 1.

    An example with inf or NaN keeps its scale, so that what went wrong stays visible.
    """
    largest = jnp.zeros(exponent.shape, wide_dtype(arrays))
    for a in arrays:
        largest = jnp.maximum(largest, _reduce(jnp.max, jnp.abs(a).astype(largest.dtype), exponent.ndim, initial=0))
    _, shift = jnp.frexp(jnp.where(jnp.isfinite(largest), largest, 1))
    for a in arrays:
        limits = jnp.finfo(a.dtype)
        shift = jnp.clip(shift, limits.minexp + 2, limits.maxexp - 2)
    arrays = [a * _expand(_power_of_two(-shift, a.dtype), a) for a in arrays]
    return Scaled(arrays, jnp.where(largest == 0, _ZERO, exponent + shift))


def unscaled(arrays: list[jax.Array], batch_ndim: int) -> Scaled:
    """Returns arrays that come without a scale as `Scaled`."""
    batch_shape = arrays[0].shape[:batch_ndim] if arrays else ()
    return scaled(arrays, jnp.zeros(batch_shape, jnp.int32))


def add(a: Scaled, b: Scaled) -> Scaled:
    """Returns a + b, at the larger of the two scales."""
    exponent = jnp.maximum(a.exponent, b.exponent)

    def at_scale(s: Scaled) -> list[jax.Array]:
        return [m * _expand(_power_of_two(s.exponent - exponent, m.dtype), m) for m in s.arrays]

    return Scaled([x + y for x, y in zip(at_scale(a), at_scale(b), strict=True)], exponent)


def log_norms(s: Scaled) -> tuple[list[jax.Array], jax.Array]:
    """Returns the log Euclidean norm of each array and of all together, `[*B]`; -inf for an exact zero.

    NaN, for each of them, where anything in an example is not finite.

    An array whose entries all lie below the smallest normal number of its dtype, next to a largest entry of all arrays
    near 1, counts as zero: for float32 that is 38 decades below.
    """
    dtype = wide_dtype(s.arrays)
    log_scale = s.exponent.astype(dtype) * math.log(2)
    logs = [_log_norm(jnp.abs(a).astype(dtype), s.exponent.ndim) for a in s.arrays]
    squares = [_reduce(jnp.sum, jnp.square(jnp.abs(a).astype(dtype)), s.exponent.ndim) for a in s.arrays]
    total = sum(squares, jnp.zeros(s.exponent.shape, dtype))
    log_scale = jnp.where(jnp.isfinite(total), log_scale, jnp.nan)
    return [log + log_scale for log in logs], 0.5 * jnp.log(total) + log_scale


def _log_norm(modulus: jax.Array, batch_ndim: int) -> jax.Array:
    """Returns the log norm of an array of its own scale: squares of what is small beside other arrays underflow."""
    _, exponent = jnp.frexp(_reduce(jnp.max, modulus, batch_ndim, initial=0))
    limits = jnp.finfo(modulus.dtype)
    exponent = jnp.clip(exponent, limits.minexp + 2, limits.maxexp - 2)
    modulus = modulus * _expand(_power_of_two(-exponent, modulus.dtype), modulus)
    square = _reduce(jnp.sum, jnp.square(modulus), batch_ndim)
    return 0.5 * jnp.log(square) + exponent.astype(modulus.dtype) * math.log(2)


def _reduce(function, a: jax.Array, batch_ndim: int, **kwargs) -> jax.Array:
    return function(a, axis=tuple(range(batch_ndim, a.ndim)), **kwargs)


def _expand(factor: jax.Array, like: jax.Array) -> jax.Array:
    return factor.reshape(factor.shape + (1,) * (like.ndim - factor.ndim))


def _power_of_two(exponent: jax.Array, dtype) -> jax.Array:
    """2^exponent exactly; zero below the normal numbers of `dtype`, which XLA flushes on some devices only."""
    real = jnp.finfo(dtype).dtype
    smallest = jnp.finfo(dtype).minexp
    power = jnp.ldexp(jnp.ones((), real), jnp.maximum(exponent, smallest))
    return jnp.where(exponent < smallest, jnp.zeros((), real), power).astype(dtype)
