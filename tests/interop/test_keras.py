"""Keras' weights; tests marked `peers` run it, the others stand layers in for its own."""

import os
from typing import NamedTuple

import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.interop.keras import from_keras, to_keras
from tests.interop.examples import AFTER, BATCH, PLAIN, SIZE, STEPS, WIDTH, equal, inputs, ours, random_params


class Variable(NamedTuple):
    """What `from_keras` asks of a weight."""

    value: np.ndarray


class Layer:
    """What it asks of a layer."""

    def __init__(self, weights):
        self.weights = [Variable(array) for array in weights]


class Model:
    """What it asks of a model."""

    def __init__(self, **layers):
        self.layers = layers

    def get_layer(self, name):
        return self.layers[name]


def test_a_layer_and_a_model_that_has_it_are_taken():
    params = random_params(LSTM(WIDTH), np.float32)
    layer = Layer(to_keras(LSTM(WIDTH), params))
    equal(from_keras(LSTM(WIDTH), layer), params)
    equal(from_keras(LSTM(WIDTH), Model(encoder=Model(lstm=layer)), prefix="encoder/lstm"), params)


@pytest.mark.parametrize(
    ("source", "prefix", "error", "message"),
    [
        (3, "", TypeError, "source must be a Keras layer or its weights, got 3"),
        ([], "lstm", TypeError, "source must be a Keras model to have the layer 'lstm'"),
        ([np.ones((2, 28))], "", ValueError, "source must have kernel, recurrent_kernel, bias, got 1 arrays"),
    ],
)
def test_another_source_is_named(source, prefix, error, message):
    with pytest.raises(error, match=message):
        from_keras(LSTM(WIDTH), source, prefix=prefix)


def keras_layer(cell, **options):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    kind = {RNN: keras.layers.SimpleRNN, LSTM: keras.layers.LSTM, GRU: keras.layers.GRU}[type(cell)]
    options |= {"reset_after": cell.reset == "after"} if isinstance(cell, GRU) else {}
    layer = kind(WIDTH, return_sequences=True, use_bias=cell.use_bias, **options)
    layer.build((BATCH, STEPS, SIZE))
    return layer


@pytest.mark.peers
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("cell", [RNN(WIDTH), LSTM(WIDTH), GRU(WIDTH), AFTER, GRU(WIDTH, **PLAIN)], ids=repr)
def test_the_same_outputs_with_weights_of_either(cell):
    layer, xs = keras_layer(cell), inputs(np.float32)

    def run():
        return np.asarray(layer(xs.swapaxes(0, 1))).swapaxes(0, 1)

    np.testing.assert_allclose(run(), ours(cell, from_keras(cell, layer), np.float32), rtol=0, atol=1e-5)
    params = random_params(cell, np.float32)
    layer.set_weights(to_keras(cell, params))
    np.testing.assert_allclose(run(), ours(cell, params, np.float32), rtol=0, atol=1e-5)


@pytest.mark.peers
def test_a_live_layer_in_bfloat16():
    layer = keras_layer(LSTM(WIDTH), dtype="bfloat16", recurrent_initializer="glorot_uniform")  # QR knows no bfloat16
    found = from_keras(LSTM(WIDTH), layer)
    assert found.w_h.dtype == "bfloat16"
