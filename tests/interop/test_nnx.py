"""Weights of Flax nnx' own cells, which run here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from recurrax import GRU, LSTM, RNN
from recurrax.interop.nnx import from_nnx, to_nnx
from tests.interop.examples import AFTER, SIZE, WIDTH, close, equal, inputs, ours, random_params


class Model(nnx.Module):
    """A layer of Flax's within a model, with noise beside it."""

    def __init__(self):
        self.encoder = nnx.RNN(nnx.OptimizedLSTMCell(SIZE, WIDTH, rngs=nnx.Rngs(0)))
        self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(1))


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize(
    ("cell", "optimized"), [(RNN(WIDTH), False), (LSTM(WIDTH), False), (LSTM(WIDTH), True), (AFTER, False)], ids=repr
)
def test_the_same_outputs_with_weights_of_either(x64, cell, optimized):
    kinds = {RNN: nnx.SimpleCell, GRU: nnx.GRUCell, LSTM: nnx.OptimizedLSTMCell if optimized else nnx.LSTMCell}
    module = kinds[type(cell)](SIZE, WIDTH, dtype=jnp.float64, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
    layer = nnx.RNN(module, time_major=True)
    close(layer(jnp.asarray(inputs())), ours(cell, from_nnx(cell, layer)))
    params = random_params(cell)
    params = params._replace(b_hn=np.zeros(WIDTH)) if cell is AFTER else params
    tree = to_nnx(cell, params, optimized=optimized) if isinstance(cell, LSTM) else to_nnx(cell, params)
    nnx.update(module, jax.tree.map(jnp.asarray, tree))
    close(layer(jnp.asarray(inputs())), ours(cell, params))


def test_modules_states_and_pure_dicts_are_taken():
    model = Model()
    state = nnx.state(model.encoder, nnx.Param)
    expected = from_nnx(LSTM(WIDTH), model.encoder.cell)
    for source in (model.encoder, state, nnx.to_pure_dict(state)):
        equal(from_nnx(LSTM(WIDTH), source), expected)
    equal(from_nnx(LSTM(WIDTH), model, prefix="encoder"), expected)


def test_a_bias_inside_the_reset_is_refused():
    params = random_params(AFTER)
    with pytest.raises(ValueError, match="params must have b_hn = 0 for Flax nnx"):
        to_nnx(AFTER, params)
    params = params._replace(b_hn=np.zeros(WIDTH))
    equal(from_nnx(AFTER, to_nnx(AFTER, params)), params)
