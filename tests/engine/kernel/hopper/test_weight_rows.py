"""The order of rows, against what a tile of 64 rows means to a warp group: 4 warps of 16 rows, 8 of each gate."""

import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.engine.kernel.hopper.plan import Sizes, make_plan
from recurrax.engine.kernel.hopper.weight_rows import paired_rows

UNITS = 96


def drawn(gates):
    rng = np.random.default_rng(0)
    plan = make_plan(Sizes(4, 1, UNITS, (gates,), 2))
    return plan, rng.normal(size=(gates, UNITS, UNITS)), rng.normal(size=(UNITS, 8))


def halves(tile):
    """The gates of a tile `[64, N]`: of every warp's 16 rows the first and the last 8."""
    return tile.reshape(4, 2, 8, -1).swapaxes(0, 1).reshape(2, 32, -1)


@pytest.mark.parametrize("gates", [2, 3, 4, 5])
def test_halves_of_tiles_are_gates(gates):
    plan, weight, h = drawn(gates)
    rows = np.asarray(paired_rows(jnp.asarray(weight), plan))
    assert rows.shape == ((gates + 1) // 2, 2 * UNITS, UNITS)
    found = np.zeros((2 * len(rows), UNITS, 8))
    for block in range(plan.blocks):
        for n, of_tile in enumerate(rows):
            found[2 * n : 2 * n + 2, 32 * block : 32 * block + 32] = halves(of_tile[64 * block : 64 * block + 64] @ h)
    np.testing.assert_allclose(found[:gates], weight @ h, rtol=1e-5, atol=1e-5)
    assert not found[gates:].any()


@pytest.mark.parametrize("gates", [2, 3, 4])
def test_the_diagonal_of_two_gates_by_two_cotangents_is_the_product_backward(gates):
    plan, weight, _ = drawn(gates)
    cotangents = np.random.default_rng(1).normal(size=(gates + gates % 2, UNITS, 8))
    cotangents[gates:] = 0
    rows = np.asarray(paired_rows(jnp.swapaxes(jnp.asarray(weight), -1, -2), plan))
    found = np.zeros((UNITS, 8))
    for block in range(plan.blocks):
        for n, of_tile in enumerate(rows):
            side_by_side = np.concatenate(list(cotangents[2 * n : 2 * n + 2]), axis=1)
            first, second = halves(of_tile[64 * block : 64 * block + 64] @ side_by_side)
            found[32 * block : 32 * block + 32] += first[:, :8] + second[:, 8:]
    np.testing.assert_allclose(found, np.einsum("gij,gib->jb", weight, cotangents[:gates]), rtol=1e-4, atol=1e-4)


def test_a_gate_alone_stays_as_it_is():
    plan, weight, _ = drawn(1)
    assert plan.tile_units == 64
    np.testing.assert_array_equal(paired_rows(jnp.asarray(weight), plan), jnp.asarray(weight))
