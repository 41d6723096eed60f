"""Linear recurrences over all steps at once."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact


def linear_recurrence(
    a: Inexact[Array, "T *B N"] | Inexact[Array, "T *B N N"], b: Inexact[Array, "T *B N"], start: Inexact[Array, "*B N"]
) -> Inexact[Array, "T *B N"]:
    """Returns s_1 to s_T of s_t = a_t s_{t-1} + b_t in O(log T) depth (Blelloch 1990).

    Pairs (a, b) of affine maps are combined by an associative scan. Derivatives are those of the linear system

        s_t - a_t s_{t-1} = b_t

    so that the reverse pass is one more recurrence, from the last step to the first, and keeps a and s only. Forward
    mode, reverse mode and any order of both are exact.

    Args:
      a: factors; diagonal ones as vectors, full ones as matrices, which shows in the number of axes.
      b: what is added.
      start: s_0.
    """
    if len(b) == 0:
        return b
    algebra = _Diagonal if a.ndim == b.ndim else _Full
    b = jnp.concatenate([b[:1] + algebra.apply(a[:1], start[None]), b[1:]])

    def residual(s):
        return s - jnp.concatenate([jnp.zeros_like(s[:1]), algebra.apply(a[1:], s[:-1])])

    def solve(_, b):
        return _scan(algebra, a, b, reverse=False)

    def solve_transposed(_, b):
        # The state of step t reaches that of t + 1 through a_{t+1}; nothing comes after the last.
        later = jnp.concatenate([algebra.transpose(a[1:]), jnp.zeros_like(a[:1])])
        return _scan(algebra, later, b, reverse=True)

    return jax.lax.custom_linear_solve(residual, b, solve, solve_transposed)


class _Diagonal:
    """Factors that are vectors."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return a * s

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return later * earlier

    @staticmethod
    def transpose(a: jax.Array) -> jax.Array:
        return a


class _Full:
    """Factors that are matrices."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return jnp.einsum("...ij,...j->...i", a, s, precision="highest")

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return jnp.einsum("...ij,...jk->...ik", later, earlier, precision="highest")

    @staticmethod
    def transpose(a: jax.Array) -> jax.Array:
        return jnp.swapaxes(a, -1, -2)


def _scan(algebra: Any, a: jax.Array, b: jax.Array, *, reverse: bool) -> jax.Array:
    def combine(earlier, later):
        (a_1, b_1), (a_2, b_2) = earlier, later
        return algebra.compose(a_2, a_1), algebra.apply(a_2, b_1) + b_2

    return jax.lax.associative_scan(combine, (a, b), reverse=reverse)[1]
