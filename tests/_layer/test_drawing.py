"""Initialisers of a layer, metadata around them, and parameters from elsewhere."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import recurrax.linen
import recurrax.nnx
from recurrax import LSTM, Stack
from recurrax._layer.drawing import draw, draw_tree
from recurrax.parameters import to_dict
from tests.flax_examples import LearnedStart, parameters, sequences

INPUTS = sequences(2, 5, 3)
ONES = nn.initializers.ones
MESH = jax.make_mesh((1,), ("model",), axis_types=(jax.sharding.AxisType.Auto,))
KEY = jax.random.key(0)


def test_an_initialiser_draws_its_parameter_and_the_cell_the_others():
    cell = LearnedStart(4)
    own = to_dict(draw(cell, KEY, 3, jnp.float32))
    tree = draw_tree(cell, KEY, 3, jnp.bfloat16, {"inner/w_x": nn.initializers.normal(), "start": ONES})
    assert {leaf.dtype for leaf in jax.tree.leaves(tree)} == {jnp.dtype("bfloat16")}
    np.testing.assert_array_equal(tree["start"], np.ones(4))
    np.testing.assert_array_equal(tree["inner"]["w_h"], own["inner"]["w_h"].astype("bfloat16"))
    assert not np.allclose(tree["inner"]["w_x"].astype(np.float32), own["inner"]["w_x"], atol=0.1)


def test_every_parameter_has_a_key_of_its_own():
    normal = nn.initializers.normal(1.0)
    tree = draw_tree(LSTM(3), KEY, 3, jnp.float32, {"w_x": normal, "w_h": normal})
    assert (tree["w_x"] != tree["w_h"]).all()
    chex.assert_trees_all_equal(tree["w_x"], draw_tree(LSTM(3), KEY, 3, jnp.float32, {"w_x": normal})["w_x"])


@pytest.mark.parametrize(
    ("initializers", "error", "message"),
    [
        ({"kernel": ONES}, ValueError, "a name in initializers must be one of 'w_x', 'w_h', 'b', got 'kernel'"),
        ({"b": lambda key, shape, dtype: jnp.ones(3)}, ValueError, r"\['b'\] must draw shape \(16,\), got \(3,\)"),
        ({"b": 3}, TypeError, "initializers must be functions"),
        ([ONES], TypeError, "initializers must be functions"),
    ],
)
def test_wrong_initialisers_are_named(initializers, error, message):
    with pytest.raises(error, match=message):
        recurrax.linen.RNN(LSTM(4), initializers=initializers).init(KEY, INPUTS)
    with pytest.raises(error, match=message):
        recurrax.nnx.RNN(LSTM(4), 3, initializers=initializers, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("kind", [recurrax.linen.RNN, recurrax.linen.RNNCell, recurrax.linen.Bidirectional])
def test_linen_boxes_what_is_partitioned_and_computes_the_same(kind):
    boxed = kind(LSTM(4), initializers={"w_h": nn.with_partitioning(recurrax.linen.as_drawn, (None, "model"))})
    args = (INPUTS[:, 0],) if kind is recurrax.linen.RNNCell else (INPUTS,)
    if kind is recurrax.linen.RNNCell:
        args = (LSTM(4).initial_carry(parameters(LSTM(4)), (2,)), *args)
    variables, plain = boxed.init(KEY, *args), kind(LSTM(4)).init(KEY, *args)
    chex.assert_trees_all_equal(nn.meta.unbox(variables), plain)
    specs = jax.tree.leaves(nn.get_partition_spec(variables), is_leaf=lambda s: isinstance(s, jax.P))
    assert specs.count(jax.P(None, "model")) == (2 if kind is recurrax.linen.Bidirectional else 1)
    chex.assert_trees_all_equal(boxed.apply(variables, *args), kind(LSTM(4)).apply(plain, *args))
    given = parameters(LSTM(4))
    refilled = boxed.variables_of((given, given) if kind is recurrax.linen.Bidirectional else given)
    assert jax.tree.structure(refilled) == jax.tree.structure(variables)


def test_nnx_keeps_the_metadata_and_new_parameters_go_where_the_old_ones_are():
    initializers = {"w_h": nnx.with_partitioning(recurrax.nnx.as_drawn, (None, "model"))}
    with jax.set_mesh(MESH):
        layer = recurrax.nnx.RNN(LSTM(4), 3, initializers=initializers, rngs=nnx.Rngs(0))
        before = layer.w_h.get_value()
        assert nnx.get_partition_spec(nnx.state(layer))["w_h"].get_value() == jax.P(None, "model")
        np.testing.assert_array_equal(before, recurrax.nnx.RNN(LSTM(4), 3, rngs=nnx.Rngs(0)).w_h.get_value())
        layer.set_params(parameters(LSTM(4)))
        assert layer.w_h.get_value().sharding == before.sharding
        assert layer(INPUTS).shape == (2, 5, 4)


@pytest.mark.parametrize("cell", [LSTM(4), Stack((LSTM(4), LSTM(4)))], ids=["LSTM", "Stack"])
def test_given_parameters_are_taken_in_the_dtype_of_the_layer(cell):
    params = jax.tree.map(np.asarray, parameters(cell))
    linen = recurrax.linen.RNN(cell, param_dtype=jnp.bfloat16)
    size = None if cell.input_size(params) else 3
    variables = linen.variables_of(params, input_size=size)
    assert jax.tree.structure(variables) == jax.tree.structure(linen.init(KEY, INPUTS))
    module = recurrax.nnx.RNN(cell, 3, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    module.set_params(params)
    chex.assert_trees_all_equal(nnx.to_pure_dict(nnx.state(module)), variables["params"])
    chex.assert_trees_all_equal_dtypes(
        variables["params"], jax.tree.map(lambda a: a.astype(jnp.bfloat16), to_dict(params))
    )


def test_parameters_of_another_cell_are_refused():
    params = parameters(LSTM(5))
    with pytest.raises(ValueError, match=r"params.w_x has shape \(3, 20\), LSTM.* expects \(3, 16\)"):
        recurrax.linen.RNN(LSTM(4)).variables_of(params)
    with pytest.raises(ValueError, match=r"params.w_x has shape \(3, 20\), LSTM.* expects \(3, 16\)"):
        recurrax.nnx.RNN(LSTM(4), 3, rngs=nnx.Rngs(0)).set_params(params)
    with pytest.raises(ValueError, match=r"input_size must be given for LearnedStart\(hidden_size=4\)"):
        recurrax.linen.RNN(LearnedStart(4)).variables_of(parameters(LearnedStart(4)))
