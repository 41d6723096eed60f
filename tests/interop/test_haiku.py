"""Haiku's weights, with Haiku itself where it is installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.interop.haiku import from_haiku, to_haiku
from tests.interop.examples import BATCH, RELU, WIDTH, close, equal, inputs, ours, random_params


def test_other_modules_in_the_tree_are_passed_over():
    params = random_params(GRU(WIDTH))
    tree = to_haiku(GRU(WIDTH), params, module="encoder/~/gru") | {"linear": {"w": np.zeros((1, 1))}}
    equal(from_haiku(GRU(WIDTH), tree, module="encoder/~/gru"), params)
    with pytest.raises(ValueError, match="tree lacks 'gru/w_i'"):
        from_haiku(GRU(WIDTH), tree)


@pytest.mark.peers
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("cell", [RELU, LSTM(WIDTH), GRU(WIDTH)], ids=repr)
def test_the_same_outputs_with_weights_of_either(x64, cell):
    import haiku

    def run(xs):
        core = {RNN: haiku.VanillaRNN, LSTM: haiku.LSTM, GRU: haiku.GRU}[type(cell)](WIDTH)
        start = jax.tree.map(lambda a: a.astype(jnp.float64), core.initial_state(BATCH))
        return haiku.dynamic_unroll(core, xs, start)[0]

    pure = haiku.without_apply_rng(haiku.transform(run))
    theirs = jax.tree.map(lambda a: np.asarray(a, np.float64), pure.init(jax.random.key(0), inputs()))
    close(pure.apply(theirs, inputs()), ours(cell, from_haiku(cell, theirs)))
    params = random_params(cell)
    close(pure.apply(to_haiku(cell, params), inputs()), ours(cell, params))
