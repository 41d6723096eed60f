"""Linear recurrences over all steps at once."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.export import is_symbolic_dim
from jaxtyping import Array, Inexact

from recurrax._util.sizes import at_most, part
from recurrax.engine.overflow import infinite_unless
from recurrax.engine.run import over_steps

BLOCK = 16
"""Steps of a block. One loop of this length serves all blocks: `jax.lax.associative_scan`, whose every level is code of
its own, took three times as long to compile and no less to run."""
LEVELS = 2
"""Of blocks, blocks of blocks and so on, where T is symbolic."""


def linear_recurrence(
    a: Inexact[Array, "T *B N"] | Inexact[Array, "T *B N N"],
    b: Inexact[Array, "T *B N"],
    start: Inexact[Array, "*B N"],
    *,
    cut: bool = False,
) -> Inexact[Array, "T *B N"]:
    """Returns s_1 to s_T of s_t = a_t s_{t-1} + b_t in O(log T) depth (Blelloch 1990).

    Affine maps (a, b) are composed in blocks of 16, blocks of blocks and so on. Derivatives are those of the linear
    system

        s_t - a_t s_{t-1} = b_t

    so that the reverse pass is one more recurrence, from the last step to the first, and keeps a and s only. Forward
    mode, reverse mode and any order of both are exact.

    Args:
      a: factors; diagonal ones as vectors, full ones as matrices, which shows in the number of axes.
      b: what is added.
      start: s_0.
      cut: whether a factor of zero cuts off what it multiplies, be it infinite or NaN.
    """
    if at_most(b.shape[0], 0):
        return b
    algebra = (_CutDiagonal if cut else _Diagonal) if a.ndim == b.ndim else (_CutFull if cut else _Full)
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


@jax.custom_jvp
def cut_recurrence(
    a: Inexact[Array, "T *B N"], b: Inexact[Array, "T *B N"], start: Inexact[Array, "*B N"]
) -> Inexact[Array, "T *B N"]:
    """Returns what `linear_recurrence` does, where a factor of zero cuts off all before it, be it infinite or NaN.

    A gradient of zero that comes back to states that are not finite stays zero; any other is not finite.
    """
    if at_most(b.shape[0], 0):
        return b
    b = jnp.concatenate([b[:1] + _CutDiagonal.apply(a[:1], start[None]), b[1:]])
    return _scan(_CutDiagonal, a, b, reverse=False)


@cut_recurrence.defjvp
def _cut_recurrence_jvp(primals, tangents):
    (a, b, start), (d_a, d_b, d_start) = primals, tangents
    s = cut_recurrence(a, b, start)
    before = jnp.concatenate([start[None], s[:-1]])
    lost, lost_before = ~jnp.isfinite(s), ~jnp.isfinite(before)
    added = d_a * jnp.where(lost_before, 0, before) + d_b
    return s, infinite_unless(~lost, linear_recurrence(jnp.where(lost | lost_before, 0, a), added, d_start, cut=True))


class _Diagonal:
    """Factors that are vectors."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return a * s

    @staticmethod
    def identity(a: jax.Array) -> jax.Array:
        return jnp.ones_like(a)

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return later * earlier

    @staticmethod
    def transpose(a: jax.Array) -> jax.Array:
        return a


class _CutDiagonal(_Diagonal):
    """Factors that are vectors; their zeros cut."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return jnp.where(a == 0, 0, a * s)

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return jnp.where(later == 0, 0, later * earlier)


class _Full:
    """Factors that are matrices."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return jnp.einsum("...ij,...j->...i", a, s, precision="highest")

    @staticmethod
    def identity(a: jax.Array) -> jax.Array:
        return jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return jnp.einsum("...ij,...jk->...ik", later, earlier, precision="highest")

    @staticmethod
    def transpose(a: jax.Array) -> jax.Array:
        return jnp.swapaxes(a, -1, -2)


class _CutFull(_Full):
    """Factors that are matrices; those that are zero cut."""

    @staticmethod
    def apply(a: jax.Array, s: jax.Array) -> jax.Array:
        return jnp.where((a == 0).all((-1, -2))[..., None], 0, _Full.apply(a, s))

    @staticmethod
    def compose(later: jax.Array, earlier: jax.Array) -> jax.Array:
        return jnp.where((later == 0).all((-1, -2))[..., None, None], 0, _Full.compose(later, earlier))


def _scan(algebra: Any, a: jax.Array, b: jax.Array, *, reverse: bool, level: int = 1) -> jax.Array:
    """Returns the states of s_t = a_t s_{t-1} + b_t from zeros; `reverse`: from the last step to the first.

    All blocks of steps are run side by side: first for the affine map that each is as a whole, then from the state
    before each, which the same recurrence over blocks gives. Where T is symbolic, nobody knows how many levels of
    blocks it takes: the blocks of the last of `LEVELS` are run one after the other.
    """

    def step(s, maps):
        a, b = maps
        s = algebra.apply(a, s) + b
        return s, s

    def compose(earlier, later):
        (a_1, b_1), (a_2, b_2) = earlier, later
        return (algebra.compose(a_2, a_1), algebra.apply(a_2, b_1) + b_2), None

    length = b.shape[0]
    if at_most(length, BLOCK) or (is_symbolic_dim(length) and level > LEVELS):
        return over_steps(step, jnp.zeros_like(b[0]), (a, b), reverse=reverse)[1]
    maps = [_in_blocks(a), _in_blocks(b)]
    nothing = (algebra.identity(maps[0][0]), jnp.zeros_like(maps[1][0]))
    whole, _ = over_steps(compose, nothing, tuple(maps), reverse=reverse)
    after = _scan(algebra, *whole, reverse=reverse, level=level + 1)
    zeros = jnp.zeros_like(after[:1])
    before = jnp.concatenate([after[1:], zeros] if reverse else [zeros, after[:-1]])
    _, states = over_steps(step, before, tuple(maps), reverse=reverse)
    states = jnp.moveaxis(states, 0, 1)
    return part(states.reshape(-1, *b.shape[1:]), 0, length)


def _in_blocks(x: jax.Array) -> jax.Array:
    """Returns `[T, ...]` as `[BLOCK, T / BLOCK, ...]`; what fills it up at the end is zero and reaches no step."""
    missing = (x.shape[0] + BLOCK - 1) // BLOCK * BLOCK - x.shape[0]
    filled = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, missing, 0)] + [(0, 0, 0)] * (x.ndim - 1))
    return jnp.moveaxis(filled.reshape(-1, BLOCK, *x.shape[1:]), 1, 0)
