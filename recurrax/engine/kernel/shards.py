"""Arrays in the layout of the kernel: `[..., S, D, 8]`, every shard of 8 examples and every head on its own.

The last axis is a whole number of 32-byte sectors, units come before it, as rows of what a tensor core multiplies.
Units that fill up a head, and examples that fill up a shard, repeat the last one: zeros might be where a cell has no
finite value. Nobody listens to them, their outputs are dropped, and so their gradients are zero.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.hopper.planner import SHARD


class Shards(NamedTuple):
    """How the examples and units of a run are dealt out."""

    batch: int
    heads: int
    units: int
    """Units of a head."""
    padded: int
    """The same, filled up."""

    @property
    def groups(self) -> int:
        """Groups of 8 examples."""
        return -(-self.batch // SHARD)

    @property
    def count(self) -> int:
        """Shards."""
        return self.heads * self.groups

    def split(self, lane: jax.Array) -> jax.Array:
        """`[..., B, H]` -> `[..., S, D, 8]`, heads outermost."""
        lead = lane.shape[:-2]
        x = lane.reshape(*lead, self.batch, self.heads, self.units)
        x = _filled(x, -3, self.groups * SHARD, "edge")
        x = _filled(x, -1, self.padded, "edge")
        x = x.reshape(*lead, self.groups, SHARD, self.heads, self.padded)
        n = len(lead)
        x = jnp.transpose(x, (*range(n), n + 2, n, n + 3, n + 1))
        return x.reshape(*lead, self.count, self.padded, SHARD)

    def join(self, x: jax.Array) -> jax.Array:
        """`[..., S, D, 8]` -> `[..., B, H]`."""
        lead = x.shape[:-3]
        n = len(lead)
        x = x.reshape(*lead, self.heads, self.groups, self.padded, SHARD)
        x = jnp.transpose(x, (*range(n), n + 1, n + 3, n, n + 2))
        x = x.reshape(*lead, self.groups * SHARD, self.heads, self.padded)[..., : self.batch, :, : self.units]
        return x.reshape(*lead, self.batch, self.heads * self.units)

    def weight(self, blocks: jax.Array) -> jax.Array:
        """`[heads, G, to, from]` -> the same with units filled up: no unit hears those that are made up."""
        heard = _filled(blocks, -1, self.padded, "constant")
        return _filled(heard, -2, self.padded, "edge")


def _filled(x: jax.Array, axis: int, size: int, mode: str) -> jax.Array:
    missing = size - x.shape[axis]
    if not missing:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, missing)
    return jnp.pad(x, widths, mode=mode)
