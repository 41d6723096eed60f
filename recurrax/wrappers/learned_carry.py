"""An initial state that is learned."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util.float_leaves import float_leaves, float_merger
from recurrax.cell import dot
from recurrax.wrappers._base import Wrapper


class LearnedCarryParams(NamedTuple):
    """Parameters of `LearnedCarry`: those of the cell inside, and where s_0 lies from the cell's own."""

    inner: Any
    start: tuple[jax.Array, ...]
    """What is added to the float fields of the cell's own s_0, without batch axes; to complex ones as `[2, ...]`, real
    and imaginary part."""


@dataclasses.dataclass(frozen=True)
class LearnedCarry(Wrapper):
    """A learned initial state: s_0 is a parameter, and what every reset restores.

        s_0 = the cell's own + start                    start = 0 at first

    For tasks whose sequences begin with something to be said, and for short ones. Gradients reach it from every start
    and every reset, summed up over the batch. Fields of integers stay as the cell has them, and so does a memory in
    units that begin at the smallest number (`SLSTM`, `MLSTM`): it is empty, and its gradient zero.

    Attributes:
      cell: the cell inside.
    """

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        start = self.cell.initial_carry(self.cell.prepare(params))
        return LearnedCarryParams(params, tuple(jnp.zeros_like(_real(a)) for a in float_leaves(start)))

    def prepare(self, params, *, key=None, batch_shape=()):
        return LearnedCarryParams(self.cell.prepare(params.inner, key=key, batch_shape=batch_shape), params.start)

    def initial_carry(self, weights, batch_shape=()):
        own = self.cell.initial_carry(weights.inner, batch_shape)
        pairs = zip(weights.start, float_leaves(own), strict=True)
        return float_merger(own)([like + _like(a, like) for a, like in pairs])

    def project(self, weights, x, key=None):
        return self.cell.project(weights.inner, x, key)

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights.inner, carry, z, dot)

    def output(self, weights, carry, z):
        return self.cell.output(weights.inner, carry, z)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights.inner, carry, z, dot)

    def input_size(self, params):
        return self.cell.input_size(params.inner)


def _real(a: jax.Array) -> jax.Array:
    return jnp.stack([a.real, a.imag]) if jnp.iscomplexobj(a) else a


def _like(a: jax.Array, like: jax.Array) -> jax.Array:
    if jnp.iscomplexobj(like):
        re, im = a.astype(like.real.dtype)
        return jax.lax.complex(re, im)
    return a.astype(like.dtype)
