import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, Associative, explain, unroll
from recurrax.cells.lru import LRU
from recurrax.cells.min_gru import MinGRU


class Counting(MinGRU):
    """Linear, with a counter beside the state."""

    def initial_carry(self, weights, batch_shape=()):
        return super().initial_carry(weights, batch_shape), jnp.zeros(batch_shape, jnp.int32)

    def step(self, weights, carry, z, dot=None):
        return super().step(weights, carry[0], z), carry[1] + 1

    def output(self, weights, carry, z):
        return carry[0].h


def test_cells_that_are_not_linear_are_refused_with_what_to_use_instead():
    cell = LSTM(3)
    with pytest.raises(ValueError, match=r"cannot run LSTM\(.*not linear and diagonal.*use executor='scan' or 'auto'"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 2)), executor="associative")


def test_integers_in_the_carry_are_refused():
    cell = Counting(3)
    with pytest.raises(ValueError, match="integer fields"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 2)), executor="associative")


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_chunks_of_any_length_give_the_same(x64, chunk):
    cell = LRU(4)
    params, xs = cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (100, 2, 3))
    resets = np.random.default_rng(0).random((100, 2)) < 0.05
    for reverse in (False, True):
        expected, got = (
            unroll(cell, params, xs, resets=resets, reverse=reverse, executor=b) for b in ("scan", Associative(chunk))
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12), got, expected)


def test_a_product_of_factors_that_underflows_does_no_harm():
    """A quotient of cumulative products, the other way to run a linear recurrence at once, would be 0 / 0 here."""
    cell = MinGRU(2, forget_bias=-8.0)
    params, xs = cell.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (2000, 2))
    expected, got = (unroll(cell, params, xs, executor=b)[1] for b in ("scan", "associative"))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_the_depth_grows_with_the_logarithm_of_the_length():
    cell = LRU(2)
    params = cell.init(jax.random.key(0), 2)

    def steps_one_after_the_other(length):
        run = jax.make_jaxpr(lambda xs: unroll(cell, params, xs, executor="associative"))(jnp.ones((length, 2)))
        return sum(map(int, re.findall(r"\blength=(\d+)", str(run))))  # of the transposed solve as well

    first, second, third = map(steps_one_after_the_other, (256, 4096, 65536))
    assert 0 < third - second == second - first <= 128
    assert third < 512


def test_half_precision_keeps_its_dtype():
    cell = MinGRU(3)
    params = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.init(jax.random.key(0), 2))
    carry, ys = unroll(cell, params, jnp.ones((9, 2), jnp.bfloat16), executor="associative")
    assert carry.h.dtype == ys.dtype == jnp.bfloat16


@pytest.mark.parametrize(("chunk", "error"), [(0, ValueError), (2.0, TypeError)])
def test_a_wrong_chunk_is_named(chunk, error):
    with pytest.raises(error, match="chunk must be"):
        Associative(chunk=chunk)


def test_explain_names_it():
    cell = LRU(3)
    assert (
        explain(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 2)), executor=Associative(2)).executor
        == "associative"
    )
