import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import cells, unroll
from recurrax.cells.min_gru import MinCarry
from recurrax.engine import linearity
from tests.cells import cases

XS = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Squashed(cells.MinGRU):
    """Says that it is linear, and is not."""

    def step(self, weights, carry, z, dot=jnp.dot):
        return MinCarry(jnp.tanh(super().step(weights, carry, z).h))


@dataclasses.dataclass(frozen=True)
class Mixed(cells.MinGRU):
    """Says that it is linear, and its units see each other."""

    def step(self, weights, carry, z, dot=jnp.dot):
        return MinCarry((1 - z.z) * jnp.roll(carry.h, 1, axis=-1) + z.z * z.n)


@dataclasses.dataclass(frozen=True)
class Moved(cells.MinGRU):
    """Is linear by a detour that only numbers can follow."""

    signed: ClassVar[bool] = True

    def step(self, weights, carry, z, dot=jnp.dot):
        return super().step(weights, MinCarry(jnp.flip(jnp.flip(carry.h, -1), -1)), z)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (Squashed(4), "Squashed.linear is True, but the derivative of its step depends on the carry"),
        (Mixed(4), "Mixed.linear is True, but a unit of its carry depends on others"),
    ],
)
def test_a_cell_that_is_wrongly_called_linear_is_named_and_auto_gives_right_numbers(cell, message):
    params = cell.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=f"executor='associative' cannot run {type(cell).__name__}.*{message}"):
        unroll(cell, params, XS, executor="associative")
    with pytest.raises(ValueError, match=message):
        jax.jit(lambda params: unroll(cell, params, XS, executor="associative"))(params)
    auto, scan = (unroll(cell, params, XS, executor=executor)[1] for executor in ("auto", "scan"))
    np.testing.assert_allclose(auto, scan, rtol=1e-6)


def test_a_detour_is_no_fault():
    cell = Moved(4)
    params = cell.init(jax.random.key(0), 3)
    got = jax.jit(lambda params: unroll(cell, params, XS, executor="associative")[1])(params)
    np.testing.assert_allclose(got, unroll(cell, params, XS, executor="scan")[1], rtol=1e-5)


def test_the_program_shows_it_of_every_linear_cell_of_the_package_without_numbers(monkeypatch):
    monkeypatch.setattr(linearity, "_told_by_numbers", lambda *arguments: pytest.fail("numbers were needed"))
    linear = [case for case in cases.CASES if case.cell.linear]
    assert {"LRU", "S5", "MinGRU", "MinLSTM", "RGLRU", "QRNN", "SRU"} <= {type(case.cell).__name__ for case in linear}
    for case in linear:
        params, xs, _ = cases.draw(case, 3, (2,))
        unroll(case.cell, params, xs, executor="associative")


def test_a_cell_is_looked_at_once_for_each_set_of_shapes():
    cell = cells.MinGRU(5)
    params = cell.init(jax.random.key(0), 3)
    unroll(cell, params, XS, executor="associative")
    before = linearity._fault.cache_info().misses
    unroll(cell, params, 2 * XS, executor="associative")
    jax.jit(lambda params: unroll(cell, params, XS, executor="associative"))(params)
    assert linearity._fault.cache_info().misses == before
