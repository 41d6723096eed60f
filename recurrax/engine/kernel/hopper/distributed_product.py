"""A product that the blocks of a group do together: they tell each other what is multiplied, each does its own rows.

At every step each block writes its part to shared memory and sends it to the others. Two buffers are used in turn, so
that no block has to wait until the others have read: a block that sends for step t + 2 has received for t + 1, which
all others sent after they had read t.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl

from recurrax.engine.kernel.hopper.mosaic import blocks, tiles
from recurrax.engine.kernel.hopper.plan import EXAMPLES, ROWS, Loop, Plan

CHAINS = 4
"""Sums that a product is parted into: one alone would wait for itself (measured: 45 clocks a `wgmma`, with four 17)."""


class ProductShape(NamedTuple):
    """One product within a loop over time."""

    plan: Plan
    loop: Loop
    tiles: int
    units: int
    """Units of a head, filled up."""
    gates_sent: int
    """Gates side by side in what is sent: 1 forward; backward, those of a tile."""
    tiles_sent: int
    """Tiles of what is sent: 1 forward; backward, `tiles`."""
    dtype: Any

    @property
    def parts(self) -> int:
        """Blocks of `tile_units` columns."""
        return self.units // self.plan.tile_units

    @property
    def sent_shape(self) -> tuple[int, int]:
        """What one block sends of one tile: examples of gates, by units."""
        return self.gates_sent * EXAMPLES, self.plan.tile_units

    def scratch(self) -> list:
        """Returns the memory that a block needs: weights, buffers, barriers of what is sent and of what is loaded."""
        kept = self.units - self.loop.register_blocks * self.plan.tile_units
        return [
            blocks.shared((self.tiles, ROWS, kept), self.dtype),
            blocks.shared((self.loop.slots, self.parts * self.tiles_sent, *self.sent_shape), self.dtype),
            blocks.BARRIERS,
            blocks.barrier(num_arrivals=self.tiles),
            blocks.barrier(),
        ]

    def global_buffer(self, groups: int) -> list:
        """Returns the type of the buffer in global memory, where one is needed."""
        shape = (groups, 2, self.parts * self.tiles_sent, *self.sent_shape)
        return [jax.ShapeDtypeStruct(shape, self.dtype)] if self.plan.route == "grid" else []


class DistributedProduct:
    """One product within a running kernel."""

    def __init__(self, shape: ProductShape, weights, scratch: list, buffer, semaphores, weight_set, group, block):
        """Starts to load the weights, `[W, tiles, rows, D]`."""
        self.shape, self.block = shape, block
        self.kept, self.received, self.barriers, self.loaded, self.copied = scratch
        plan, tile = shape.plan, shape.plan.tile_units
        columns = shape.units - shape.loop.register_blocks * tile
        rows = pl.ds(block * ROWS, ROWS)
        for n in range(shape.tiles):
            blocks.copy_to_shared(weights.at[weight_set, n, rows, pl.ds(0, columns)], self.kept.at[n], self.loaded)
        self.in_registers = []
        if shape.loop.register_blocks:
            rest = pl.ds(columns, shape.units - columns)
            self.in_registers = [tiles.load_factor(weights.at[weight_set, n, rows, rest]) for n in range(shape.tiles)]
        if plan.route == "cluster":
            blocks.init_barriers(self.barriers)
        if plan.route == "grid":
            self.buffer, self.semaphore = buffer.at[group], semaphores.at[group]

    def wait_for_weights(self) -> None:
        """Waits until the weights are there."""
        blocks.wait(self.loaded)

    def send(self, gates_of_tiles: list[list[jax.Array]], t: jax.Array) -> None:
        """Sends this block's part of step t: for every tile, what stands side by side in it."""
        plan, count = self.shape.plan, self.shape.tiles_sent
        slot = self._slot(t)
        first = self.block * count
        for n, gates in enumerate(gates_of_tiles):
            for g, gate in enumerate(gates):
                where = self.received.at[slot, first + n, pl.ds(g * EXAMPLES, EXAMPLES)]
                tiles.store_transposed(gate, where, plan)
        blocks.commit()
        if plan.route == "cluster":
            examples, units = self.shape.sent_shape
            size = count * examples * units * jnp.dtype(self.shape.dtype).itemsize
            blocks.send_to_cluster(self.received.at[slot, first], self.barriers, slot, plan.blocks, size, plan)
        elif plan.route == "grid":
            blocks.copy_to_global(
                self.received.at[slot, pl.ds(first, count)], self.buffer.at[lax.rem(t, 2), pl.ds(first, count)]
            )
            blocks.wait_for_copies_to_global()
            blocks.signal(self.semaphore)

    def receive(self, t: jax.Array) -> None:
        """Waits until all parts of step t are in shared memory."""
        plan = self.shape.plan
        if plan.route == "cluster":
            blocks.wait_barrier(self.barriers, lax.rem(t, 2), lax.rem(lax.div(t, 2), 2))
        elif plan.route == "grid":
            blocks.wait_for_signals(self.semaphore, (t + 1) * plan.blocks)
            blocks.copy_to_shared(self.buffer.at[lax.rem(t, 2)], self.received.at[self._slot(t)], self.copied)
            blocks.wait(self.copied)

    def result(self, t: jax.Array) -> list[jax.Array]:
        """Returns the weights times what was received, tile by tile."""
        shape, tile = self.shape, self.shape.plan.tile_units
        slot, zero = self._slot(t), tiles.opaque_zero()
        in_memory = shape.parts - shape.loop.register_blocks
        chains = max(1, min(CHAINS // shape.tiles, shape.parts))

        def multiply(*sums):
            for k in range(shape.parts):
                for n in range(shape.tiles):
                    number = k * shape.tiles_sent + n % shape.tiles_sent
                    operand = self.received.at[slot + zero, number].T
                    if k < in_memory:
                        weight = self.kept.at[n + zero, :, pl.ds(k * tile, tile)]
                    else:
                        begin = (k - in_memory) * tile
                        weight = self.in_registers[n][:, begin : begin + tile]
                    tiles.multiply(sums[n * chains + k % chains], weight, operand)
            tiles.wait_for_products()
            return [s[...] for s in sums]

        types = [tiles.accumulator(shape.sent_shape[0]) for _ in range(shape.tiles * chains)]
        parts = pl.run_scoped(multiply, *types)
        return [functools.reduce(jnp.add, parts[n * chains : (n + 1) * chains]) for n in range(shape.tiles)]

    def _slot(self, t: jax.Array) -> jax.Array:
        return lax.rem(t, self.shape.loop.slots)


def meet(barrier) -> None:
    """Waits until all blocks of the cluster have come here."""
    blocks.arrive(barrier)
    blocks.wait(barrier)


def meeting_point(plan: Plan):
    """Returns the type of the barrier of `meet`."""
    if plan.route == "cluster":
        return blocks.cluster_barrier()
    return blocks.barrier(num_arrivals=1)
