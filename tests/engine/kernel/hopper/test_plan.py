"""Plans fit on the chip, and say why where none does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurrax.engine.kernel.hopper.plan import BARRIER_BYTES, MAX_REGISTERS, Chip, Plan, Sizes, make_plan, padded_units


def sizes(units, gates=(4,), groups=2, itemsize=2, steps=1024):
    return Sizes(steps, groups, units, gates, itemsize)


@pytest.mark.parametrize(
    ("asked", "tile", "blocks", "route"),
    [
        (sizes(128), 32, 4, "cluster"),
        (sizes(512), 32, 16, "cluster"),
        (sizes(768), 32, 24, "grid"),
        (sizes(20), 32, 1, "none"),
        (sizes(768, (1,)), 64, 12, "cluster"),
        (sizes(1024, (1,)), 64, 16, "cluster"),
        (sizes(256, (2, 1)), 32, 8, "cluster"),
        (sizes(128, (1,), itemsize=4), 32, 4, "cluster"),
        (sizes(768, ()), 32, 24, "none"),
    ],
)
def test_layouts(asked, tile, blocks, route):
    found = make_plan(asked)
    assert isinstance(found, Plan)
    assert (found.tile_units, found.blocks, found.route) == (tile, blocks, route)


def test_weights_that_do_not_fit_shared_memory_go_to_registers_backward():
    found = make_plan(sizes(768))
    assert found.forward.register_blocks == 0
    assert found.backward.register_blocks > 0


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (sizes(2048), "does not fit|multiprocessors"),
        (sizes(768, groups=6), "take 144 multiprocessors at once, there are 132"),
        (sizes(512, itemsize=4), "does not fit on the chip"),
        (sizes(512, steps=10**6), "more than 32 bits can count"),
    ],
)
def test_refusals(asked, reason):
    import re

    assert re.search(reason, make_plan(asked))


@settings(deadline=None)
@given(
    units=st.integers(1, 1100),
    gates=st.lists(st.integers(1, 5), max_size=3).map(tuple),
    groups=st.integers(1, 200),
    itemsize=st.sampled_from([2, 4]),
)
def test_whatever_is_planned_fits(units, gates, groups, itemsize):
    chip = Chip()
    asked = sizes(units, gates, groups, itemsize)
    found = make_plan(asked, chip)
    if isinstance(found, str):
        return
    padded = padded_units(units, gates, itemsize)
    assert units <= padded < units + 64
    assert found.blocks * found.tile_units == padded
    if gates:
        assert found.route != "cluster" or 1 < found.blocks <= chip.cluster
        assert found.route != "grid" or found.blocks * groups <= chip.multiprocessors
    for loop, backward in ((found.forward, False), (found.backward, True)):
        assert loop.shared_bytes + BARRIER_BYTES * bool(gates) <= chip.shared_bytes
        tiles = [-(-g // found.gates_per_tile) for g in gates]
        registers = sum(tiles) * loop.register_blocks * 64 * found.tile_units * itemsize // 512
        assert registers <= MAX_REGISTERS
        # Nothing of the weights is left out, and what is routed fits beside them.
        kept = sum(tiles) * 64 * (padded - loop.register_blocks * found.tile_units) * itemsize
        sent = sum(t * found.gates_per_tile for t in tiles) if backward else len(tiles)
        assert not gates or loop.shared_bytes == kept + loop.slots * sent * padded * 8 * itemsize
