"""What is particular to nnx; what both kinds of module share is in `tests/_layer/test_both_ways.py`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import recurrax.nnx
from recurrax import LSTM, Checkpointed
from tests.flax_examples import LearnedStart, parameters, sequences

SETTINGS = {"time_major": True, "dtype": jnp.float16, "param_dtype": jnp.bfloat16, "deterministic": True}
SETTINGS |= {"executor": Checkpointed("scan", every=2), "truncate_every": 3}
INPUTS = sequences(2, 5, 3)
CELL = LearnedStart(4)
PARAMS = parameters(CELL, 0), parameters(CELL, 1)
STARTS = [np.stack([p.start] * 2) for p in PARAMS]


def test_every_setting_reaches_both_layers():
    initializers = {"b": nnx.initializers.ones}
    layer = recurrax.nnx.Bidirectional(LSTM(4), 3, initializers=initializers, rngs=nnx.Rngs(0), **SETTINGS)
    for own in (layer.forward, layer.backward):
        assert {name: getattr(own, name) for name in SETTINGS} == SETTINGS
        assert (own.b[...] == 1).all()


def test_both_initial_carries_follow_the_parameters():
    layer = recurrax.nnx.Bidirectional(CELL, 3, rngs=nnx.Rngs(0))
    layer.set_params(PARAMS)
    carries = layer.initialize_carry((2, 3))
    np.testing.assert_array_equal([carries.forward.h, carries.backward.h], STARTS)


def test_initial_carries_that_are_no_pair_are_named():
    layer = recurrax.nnx.Bidirectional(LSTM(4), 3, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(layer(INPUTS, initial_carries=None), layer(INPUTS))
    with pytest.raises(TypeError, match=r"initial_carries must be a pair \(forward, backward\) or None, got \(None,\)"):
        layer(INPUTS, initial_carries=(None,))


def test_parameters_that_are_no_pair_are_named():
    layer = recurrax.nnx.Bidirectional(LSTM(4), 3, rngs=nnx.Rngs(0))
    own = LSTM(4).init(jax.random.key(0), 3)
    for wrong, kind in (
        (own, "a LSTMParams of arrays"),
        ((own,), "a tuple of 1"),
        ((own,) * 3, "a tuple of 3"),
        (None, "None"),
    ):
        with pytest.raises(TypeError, match=rf"params must be a pair \(forward, backward\), got {kind}"):
            layer.set_params(wrong)


def test_a_layer_in_the_place_of_a_cell_is_named():
    layer = recurrax.nnx.RNN(LSTM(4), 3, rngs=nnx.Rngs(0))
    with pytest.raises(TypeError, match=r"cell must be a recurrax Cell.*Give the cell inside, LSTM\(hidden_size=4"):
        recurrax.nnx.Bidirectional(layer, 3, rngs=nnx.Rngs(0))


def test_a_table_of_a_layer_that_returns_its_carries():
    layer = recurrax.nnx.Bidirectional(LSTM(4), 3, rngs=nnx.Rngs(0))
    assert "backward" in nnx.tabulate(layer, INPUTS, return_carry=True)
