"""One step of a cell in linen; its runs in Flax's own `RNN` are in `test_rnn.py` and in `tests/_layer`."""

import chex
import jax
import jax.numpy as jnp

import recurrax.linen
from recurrax import LSTM
from tests.flax_examples import parameters, sequences


def test_an_unbound_cell_gives_a_carry_of_the_right_shape_and_dtype():
    carry = recurrax.linen.RNNCell(LSTM(4), dtype=jnp.bfloat16).initialize_carry(jax.random.key(0), (2, 5, 3))
    chex.assert_tree_shape_prefix(carry, (2, 5, 4))
    assert not carry.c.any() and carry.c.dtype == jnp.bfloat16


def test_a_step_is_a_step_of_the_cell():
    cell, x = LSTM(4), sequences(2, 3)
    params = parameters(cell)
    carry = cell.initial_carry(params, (2,))
    module = recurrax.linen.RNNCell(cell)
    new, y = module.apply(module.variables_of(params), carry, x)
    expected = cell.step(params, carry, cell.project(params, x))
    chex.assert_trees_all_close((new, y), (expected, expected.h), rtol=1e-6)
