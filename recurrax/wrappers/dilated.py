"""Dilated recurrence."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.wrappers._base import Wrapper


class DilatedCarry(NamedTuple):
    """State of `Dilated`."""

    past: Any
    """The last K states of the cell inside, the newest last: `[*B, K, ...]`."""


@dataclasses.dataclass(frozen=True)
class Dilated(Wrapper):
    """Dilated recurrence (Chang et al. 2017): a step begins from the state K steps ago.

        s_t = step(s_{t-K}, x_t)                        s_t = the cell's initial state for t <= 0

    As if the sequence were K interleaved ones: a gradient takes T / K steps to reach the start. The paper stacks layers
    of rising dilation: `Stack((LSTM(64), Dilated(LSTM(64), 2), Dilated(LSTM(64), 4)))`.

    Attributes:
      cell: the cell inside.
      dilation: K.
    """

    dilation: int = 2

    def __post_init__(self):
        super().__post_init__()
        checks.positive_int("dilation", self.dilation)

    def initial_carry(self, weights, batch_shape=()):
        start = self.cell.initial_carry(weights, batch_shape)
        axis = len(batch_shape)
        return DilatedCarry(jax.tree.map(lambda a: jnp.stack([a] * self.dilation, axis), start))

    def _axes(self, weights: Any) -> Any:
        """Returns for every field of the state how many axes stand behind that of K."""
        return jax.tree.map(lambda a: len(a.shape), jax.eval_shape(self.cell.initial_carry, weights))

    def _state(self, weights: Any, carry: DilatedCarry, n: int) -> Any:
        """Returns state n of the last K."""
        return jax.tree.map(lambda a, own: jnp.take(a, n, axis=a.ndim - own - 1), carry.past, self._axes(weights))

    def step(self, weights, carry, z, dot=dot):
        new = self.cell.step(weights, self._state(weights, carry, 0), z, dot)

        def shifted(past, new, own):
            axis = past.ndim - own - 1
            kept = jax.lax.slice_in_dim(past, 1, self.dilation, axis=axis)
            return jnp.concatenate([kept, jnp.expand_dims(new, axis)], axis)

        return DilatedCarry(jax.tree.map(shifted, carry.past, new, self._axes(weights)))

    def output(self, weights, carry, z):
        return self.cell.output(weights, self._state(weights, carry, self.dilation - 1), z)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights, self._state(weights, carry, 0), z, dot)
