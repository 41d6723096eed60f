"""One step of a cell in nnx; its runs in Flax's own `RNN` are in `test_rnn.py` and in `tests/_layer`."""

import chex
import jax.numpy as jnp
from flax import nnx

import recurrax.nnx
from recurrax import LSTM
from tests.flax_examples import parameters, sequences


def test_the_initial_carry_needs_no_rngs():
    carry = recurrax.nnx.RNNCell(LSTM(4), 3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0)).initialize_carry((2, 5, 3))
    chex.assert_tree_shape_prefix(carry, (2, 5, 4))
    assert not carry.c.any() and carry.c.dtype == jnp.bfloat16


def test_a_step_is_a_step_of_the_cell():
    cell, x = LSTM(4), sequences(2, 3)
    params = parameters(cell)
    carry = cell.initial_carry(params, (2,))
    module = recurrax.nnx.RNNCell(cell, 3, rngs=nnx.Rngs(0))
    module.set_params(params)
    new, y = module(carry, x)
    expected = cell.step(params, carry, cell.project(params, x))
    chex.assert_trees_all_close((new, y), (expected, expected.h), rtol=1e-6)
