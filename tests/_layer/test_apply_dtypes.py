"""In which dtype a layer computes, and in which a step leaves its carry."""

import chex
import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM, RNN
from tests._layer.test_apply import B, T, either_module, plain
from tests.flax_examples import parameters, sequences


@either_module
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_the_layer_computes_in_the_dtype_asked_for_whatever_comes_in(module, dtype):
    cell = LSTM(4)
    params, inputs = parameters(cell), sequences(B, T, 3)
    carry = cell.initial_carry(params, (B,))
    fields = {"dtype": dtype}
    got, outputs = module.layer(cell, params, inputs, fields=fields, initial_carry=carry, return_carry=True)
    assert {outputs.dtype, got.h.dtype} == {jnp.dtype(dtype)}
    exact = plain(cell, params, inputs)[1]
    chex.assert_trees_all_close(outputs.astype(jnp.float32), exact, atol=float(8 * jnp.finfo(dtype).eps))
    looped, loop_outputs = module.loop(cell, params, inputs, fields=fields, return_carry=True)
    assert {loop_outputs.dtype, looped.h.dtype} == {jnp.dtype(dtype)}
    chex.assert_trees_all_close(loop_outputs, outputs, atol=float(4 * jnp.finfo(dtype).eps))


@either_module
@pytest.mark.parametrize(
    ("inputs", "params", "computed"),
    [
        (jnp.bfloat16, jnp.bfloat16, jnp.bfloat16),
        (jnp.bfloat16, jnp.float32, jnp.float32),
        (jnp.float16, jnp.bfloat16, jnp.float32),
        (jnp.int32, jnp.bfloat16, jnp.bfloat16),
    ],
)
def test_without_a_dtype_inputs_and_parameters_promote(module, inputs, params, computed, standard_promotion):
    cell = LSTM(4)
    held = jax.tree.map(lambda a: a.astype(params), parameters(cell))
    xs = jnp.ones((B, T, 3), inputs)
    carry, outputs = module.layer(cell, held, xs, fields={"param_dtype": params}, return_carry=True)
    assert {outputs.dtype, carry.c.dtype} == {jnp.dtype(computed)}


@either_module
def test_float64_all_through(module, x64):
    cell, inputs = RNN(4), jnp.asarray(sequences(B, T, 3), jnp.float64)
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), parameters(cell))
    got = module.layer(cell, params, inputs, fields={"param_dtype": jnp.float64}, return_carry=True)
    expected = plain(cell, params, inputs)
    chex.assert_trees_all_close(got, expected, rtol=1e-14)
    chex.assert_trees_all_equal_dtypes(got, expected)
    assert got[1].dtype == jnp.float64


@either_module
def test_a_step_returns_the_carry_in_the_dtype_that_it_came_with(module):
    cell = LSTM(4)
    params = parameters(cell)
    carry = jax.tree.map(lambda a: a.astype(jnp.bfloat16), cell.initial_carry(params, (B,)))
    new, y = module.step(cell, params, carry, sequences(B, 3))
    assert (new.c.dtype, y.dtype) == (jnp.bfloat16, jnp.float32)
