"""Examples and heads dealt out to groups that know nothing of each other: arrays `[..., N, D, E]` of N groups.

A group is E examples of one head. Its units come before its examples, as rows of what a product multiplies. Units that
fill up a head, and examples that fill up a group, repeat the last one: zeros might be where a cell has no finite value.
Nobody listens to them, their outputs are dropped, and so their gradients are zero.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.implementation import Layout


class Groups(NamedTuple):
    """How the examples and units of a run are dealt out."""

    batch: int
    heads: int
    units: int
    """Units of a head."""
    layout: Layout

    @property
    def per_head(self) -> int:
        """Groups of a head."""
        return -(-self.batch // self.layout.examples)

    @property
    def count(self) -> int:
        """N."""
        return self.heads * self.per_head

    def split(self, x: jax.Array) -> jax.Array:
        """`[..., B, H]` -> `[..., N, D, E]`, heads outermost."""
        lead = x.shape[:-2]
        x = x.reshape(*lead, self.batch, self.heads, self.units)
        x = _filled(x, -3, self.per_head * self.layout.examples, "edge")
        x = _filled(x, -1, self.layout.units, "edge")
        x = x.reshape(*lead, self.per_head, self.layout.examples, self.heads, self.layout.units)
        n = len(lead)
        x = jnp.transpose(x, (*range(n), n + 2, n, n + 3, n + 1))
        return x.reshape(*lead, self.count, self.layout.units, self.layout.examples)

    def join(self, x: jax.Array) -> jax.Array:
        """`[..., N, D, E]` -> `[..., B, H]`."""
        lead = x.shape[:-3]
        n = len(lead)
        x = x.reshape(*lead, self.heads, self.per_head, self.layout.units, self.layout.examples)
        x = jnp.transpose(x, (*range(n), n + 1, n + 3, n, n + 2))
        x = x.reshape(*lead, self.per_head * self.layout.examples, self.heads, self.layout.units)
        return x[..., : self.batch, :, : self.units].reshape(*lead, self.batch, self.heads * self.units)

    def weight(self, by_head: jax.Array) -> jax.Array:
        """`[heads, G, to, from]` -> the same with units filled up: no unit hears those that are made up."""
        heard = _filled(by_head, -1, self.layout.units, "constant")
        return _filled(heard, -2, self.layout.units, "edge")


def _filled(x: jax.Array, axis: int, size: int, mode: str) -> jax.Array:
    missing = size - x.shape[axis]
    if not missing:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, missing)
    return jnp.pad(x, widths, mode=mode)
