"""What is particular to linen; what both kinds of module share is in `tests/_layer/test_both_ways.py`."""

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np

import recurrax.linen
from recurrax import LSTM, Checkpointed
from tests.flax_examples import LearnedStart, parameters, sequences

SETTINGS = {"time_major": True, "dtype": jnp.float16, "param_dtype": jnp.bfloat16, "deterministic": True}
SETTINGS |= {"executor": Checkpointed("scan", every=2), "truncate_every": 3}
INPUTS = sequences(2, 5, 3)
CELL = LearnedStart(4)
PARAMS = parameters(CELL, 0), parameters(CELL, 1)
STARTS = [np.stack([p.start] * 2) for p in PARAMS]


def test_every_setting_reaches_both_layers():
    layer = recurrax.linen.Bidirectional(LSTM(4), initializers={"b": flax.linen.initializers.ones}, **SETTINGS)
    bound = layer.bind(layer.init(jax.random.key(0), INPUTS))
    for own in (bound.forward, bound.backward):
        assert {name: getattr(own, name) for name in SETTINGS} == SETTINGS
        assert (own.variables["params"]["b"] == 1).all()


def test_both_initial_carries_follow_the_parameters():
    layer = recurrax.linen.Bidirectional(CELL)
    carries = layer.bind(layer.variables_of(PARAMS, input_size=3)).initialize_carry(jax.random.key(0), (2, 3))
    np.testing.assert_array_equal([carries.forward.h, carries.backward.h], STARTS)
    assert layer.initialize_carry(jax.random.key(0), (2, 3)).backward.h.shape == (2, 4)


def test_within_a_model_it_holds_a_tree_for_each_direction():
    class Model(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, inputs):
            return recurrax.linen.Bidirectional(LSTM(4), backward_cell=LSTM(5))(inputs)

    variables = jax.eval_shape(Model().init, jax.random.key(0), INPUTS)
    tree = variables["params"]["Bidirectional_0"]
    assert (tree["forward"]["b"].shape, tree["backward"]["b"].shape) == ((16,), (20,))
