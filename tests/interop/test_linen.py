"""Weights of Flax linen's own cells, which run here."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.interop.linen import from_linen, to_linen
from tests.interop.examples import AFTER, WIDTH, close, equal, inputs, ours, random_params

KINDS = {RNN: nn.SimpleCell, LSTM: nn.OptimizedLSTMCell, GRU: nn.GRUCell}


class Model(nn.Module):
    """A layer of Flax's within a model."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.RNN(nn.OptimizedLSTMCell(WIDTH), name="encoder")(x))


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("cell", [RNN(WIDTH), LSTM(WIDTH), AFTER], ids=repr)
def test_the_same_outputs(x64, cell):
    layer = nn.RNN(KINDS[type(cell)](WIDTH, param_dtype=jnp.float64), time_major=True)
    params = random_params(cell)
    close(layer.apply({"params": {"cell": to_linen(cell, params)}}, inputs()), ours(cell, params))


def test_variables_parameters_and_bound_modules_are_taken():
    layer = nn.RNN(nn.OptimizedLSTMCell(WIDTH))
    variables = layer.init(jax.random.key(0), jnp.ones((1, 2, 3)))
    expected = from_linen(LSTM(WIDTH), variables["params"]["cell"])
    for source in (variables, variables["params"], layer.bind(variables)):
        equal(from_linen(LSTM(WIDTH), source), expected)
    with pytest.raises(TypeError, match=r"source must be variables, or .*module.bind\(variables\)"):
        from_linen(LSTM(WIDTH), layer)


def test_a_layer_within_a_model_and_its_boxes():
    model = Model()
    variables = model.init(jax.random.key(0), jnp.ones((1, 2, 3)))
    name = next(name for name in variables["params"] if "LSTM" in name)
    boxed = jax.tree.map(lambda a: nn.Partitioned(a, (None,) * a.ndim), variables)
    expected = from_linen(LSTM(WIDTH), variables["params"][name])
    equal(from_linen(LSTM(WIDTH), model.bind(variables), prefix=name), expected)
    equal(from_linen(LSTM(WIDTH), boxed, prefix=name), expected)
