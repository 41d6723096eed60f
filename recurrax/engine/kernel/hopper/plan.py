"""How a run is laid out on the chip: which part of the weights each multiprocessor keeps, and where.

The units of a head are dealt out to blocks of threads, each on a multiprocessor of its own, that keep the rows of the
weights for their units from the first step to the last. The blocks of a head exchange what is multiplied at every
step. Batches are cut into groups of 8 examples, the least that a tensor core multiplies at once; groups and heads know
nothing of each other. More blocks with fewer units each were the faster choice wherever both fit (measured on an H100:
256 units in 8 blocks 0.93 us a step, in 4 blocks 1.30), and so were more groups instead of larger ones.
"""

from typing import NamedTuple

EXAMPLES = 8
"""Examples in a group."""
ROWS = 64
"""Rows of weights that a warp group multiplies at once."""
BARRIER_BYTES = 1024
"""Shared memory set aside for barriers, and for what alignment takes."""
MAX_REGISTERS = 96
"""Registers of a thread that may hold weights; the rest is for what is computed."""


class Chip(NamedTuple):
    """A GPU."""

    multiprocessors: int = 132
    shared_bytes: int = 232_448
    """Shared memory of a block."""
    cluster: int = 16
    """Blocks that reach each other's shared memory."""


class Sizes(NamedTuple):
    """What a run asks for."""

    steps: int
    groups: int
    """Heads times groups of 8 examples."""
    units: int
    """Units of a head."""
    gates: tuple[int, ...]
    """Gates of every product in a step."""
    itemsize: int
    """Bytes of a number that is multiplied: 2, or 4 for TF32."""


class Loop(NamedTuple):
    """How one of the two loops over time lies on the chip."""

    slots: int
    """Buffers for what is exchanged, used in turn."""
    register_blocks: int
    """How many blocks of `tile_units` columns of every product's weights live in registers, not in shared memory."""
    shared_bytes: int


class Plan(NamedTuple):
    """How a run lies on the chip."""

    tile_units: int
    """Units of a block of threads, 32 or 64: with 32, the rows of two gates share a tile of 64."""
    blocks: int
    """Blocks of threads of a group."""
    route: str
    """How what is multiplied goes from block to block: "none", "cluster" (by the shared memory of its blocks), "grid"
    (by global memory)."""
    lookahead: int
    """Steps that inputs are read in advance."""
    forward: Loop
    backward: Loop

    @property
    def gates_per_tile(self) -> int:
        """Gates whose rows share a tile."""
        return ROWS // self.tile_units


def tile_units(units: int, gates: tuple[int, ...], itemsize: int) -> int:
    """Returns the units of a block of threads."""
    single = bool(gates) and max(gates) == 1
    return 64 if single and units > 32 and itemsize == 2 else 32


def padded_units(units: int, gates: tuple[int, ...], itemsize: int) -> int:
    """Returns the units of a head with those that fill the last block up."""
    tile = tile_units(units, gates, itemsize)
    return -(-units // tile) * tile


HOPPER = Chip()
"""An H100 or H200."""


def make_plan(sizes: Sizes, chip: Chip = HOPPER) -> Plan | str:
    """Returns the plan of a run, or the reason why there is none, as the end of a sentence."""
    tile = tile_units(sizes.units, sizes.gates, sizes.itemsize)
    units = padded_units(sizes.units, sizes.gates, sizes.itemsize)
    blocks = units // tile
    numbers = sizes.steps * sizes.groups * units * EXAMPLES
    if numbers >= 2**31:
        return f"{numbers:,} numbers per gate are more than 32 bits can count"
    if not sizes.gates:
        nothing = Loop(slots=1, register_blocks=0, shared_bytes=0)
        return Plan(tile, blocks, "none", lookahead=4, forward=nothing, backward=nothing)
    route = "none" if blocks == 1 else "cluster" if blocks <= chip.cluster else "grid"
    if route == "grid" and blocks * sizes.groups > chip.multiprocessors:
        # They wait for each other, so that all have to run at the same time.
        needed = blocks * sizes.groups
        return (
            f"{units} units and {EXAMPLES * sizes.groups} examples take {needed} multiprocessors at once, "
            f"there are {chip.multiprocessors}"
        )
    slots = 1 if route == "grid" else 2
    loops = []
    for backward in (False, True):
        loop = _loop(sizes, chip, tile, units, slots, backward)
        if loop is None:
            direction = "backward" if backward else "forward"
            return (
                f"the {direction} pass does not fit on the chip: {blocks} blocks of {tile} units, gates {sizes.gates}"
            )
        loops.append(loop)
    return Plan(tile, blocks, route, 1, *loops)


def _loop(sizes: Sizes, chip: Chip, tile: int, units: int, slots: int, backward: bool) -> Loop | None:
    """Returns the plan of one loop; None where it does not fit."""
    per_tile = ROWS // tile
    tiles = [-(-gates // per_tile) for gates in sizes.gates]
    weights = sum(tiles) * ROWS * units * sizes.itemsize
    # Forward, one number per unit is exchanged; backward one for each of its gates.
    exchanged = sum(per_tile * n for n in tiles) if backward else len(tiles)
    buffers = slots * exchanged * units * EXAMPLES * sizes.itemsize
    free = chip.shared_bytes - BARRIER_BYTES - buffers
    excess = weights - free
    if excess <= 0:
        return Loop(slots, 0, weights + buffers)
    if sizes.itemsize != 2:
        return None
    block = sum(tiles) * ROWS * tile * sizes.itemsize
    in_registers = -(-excess // block)
    if in_registers * block // (4 * 128) > MAX_REGISTERS:
        return None
    return Loop(slots, in_registers, weights + buffers - in_registers * block)
