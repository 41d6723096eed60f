"""Weights exchanged with the live libraries: 50 steps, random weights, float64 where the library can."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, unroll
from recurrax.cells.projected_lstm import ProjectedLSTM
from recurrax.interop.cudnn import to_cudnn
from recurrax.interop.equinox import from_equinox, to_equinox
from recurrax.interop.haiku import from_haiku, to_haiku
from recurrax.interop.keras import from_keras, to_keras
from recurrax.interop.linen import to_linen
from recurrax.interop.nnx import from_nnx, to_nnx
from recurrax.interop.torch import from_torch, to_torch
from recurrax.wrappers.stack import Stack

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("standard_promotion")]
STEPS, BATCH, SIZE, WIDTH = 50, 3, 5, 7
AFTER = GRU(WIDTH, reset="after")
TORCH = [
    RNN(WIDTH),
    RNN(WIDTH, activation="relu"),
    LSTM(WIDTH),
    LSTM(WIDTH, forget_bias=0.0, use_bias=False),
    ProjectedLSTM(WIDTH, output_size=4),
    AFTER,
    GRU(WIDTH, reset="after", use_bias=False),
]


def random_params(cell, dtype=np.float64, size=SIZE, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), size))
    return jax.tree.map(lambda a: (WIDTH**-0.5 * rng.normal(size=a.shape)).astype(dtype), shapes)


def inputs(dtype=np.float64):
    return np.random.default_rng(9).normal(size=(STEPS, BATCH, SIZE)).astype(dtype)


def ours(cell, params, dtype=np.float64, reverse=False, xs=None):
    params = jax.tree.map(jnp.asarray, params)
    return np.asarray(unroll(cell, params, jnp.asarray(inputs(dtype) if xs is None else xs), reverse=reverse)[1])


def torch_layer(cell, layers=1, bidirectional=False):
    import torch

    first = cell.layers[0] if cell.layers else cell
    kind = {RNN: torch.nn.RNN, LSTM: torch.nn.LSTM, ProjectedLSTM: torch.nn.LSTM, GRU: torch.nn.GRU}[type(first)]
    options = {"nonlinearity": first.activation} if isinstance(first, RNN) else {}
    options |= {"proj_size": first.output_size} if isinstance(first, ProjectedLSTM) else {}
    layer = kind(SIZE, WIDTH, layers, bias=first.use_bias, bidirectional=bidirectional, **options).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, WIDTH**-0.5)
    return layer


def torch_run(layer):
    import torch

    with torch.no_grad():
        return layer(torch.tensor(inputs()))[0].numpy()


def load(layer, state):
    import torch

    layer.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return layer


@pytest.mark.parametrize("cell", TORCH, ids=repr)
def test_torch_in_both_directions(x64, cell):
    layer = torch_layer(cell)
    theirs = {name: parameter.detach().numpy() for name, parameter in layer.state_dict().items()}
    np.testing.assert_allclose(ours(cell, from_torch(cell, theirs)), torch_run(layer), rtol=1e-12, atol=1e-12)
    params = random_params(cell)
    np.testing.assert_allclose(
        torch_run(load(layer, to_torch(cell, params))), ours(cell, params), rtol=1e-12, atol=1e-12
    )


def test_torch_layers(x64):
    cell = Stack((LSTM(WIDTH), LSTM(WIDTH), LSTM(WIDTH)))
    layer = torch_layer(cell, layers=3)
    np.testing.assert_allclose(
        ours(cell, from_torch(cell, layer.state_dict())), torch_run(layer), rtol=1e-12, atol=1e-12
    )
    params = random_params(cell)
    np.testing.assert_allclose(
        torch_run(load(layer, to_torch(cell, params))), ours(cell, params), rtol=1e-12, atol=1e-12
    )


def test_torch_directions_of_two_layers(x64):
    layer = torch_layer(AFTER, layers=2, bidirectional=True)
    state, xs = layer.state_dict(), inputs()
    for n in range(2):
        halves = [
            ours(AFTER, from_torch(AFTER, state, layer=n, reverse=back), reverse=back, xs=xs) for back in (False, True)
        ]
        xs = np.concatenate(halves, -1)
    np.testing.assert_allclose(xs, torch_run(layer), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [RNN(WIDTH), LSTM(WIDTH), AFTER], ids=repr)
def test_linen(x64, cell):
    import flax.linen as nn

    kind = {RNN: nn.SimpleCell, LSTM: nn.OptimizedLSTMCell, GRU: nn.GRUCell}[type(cell)]
    layer = nn.RNN(kind(WIDTH, param_dtype=jnp.float64), time_major=True)
    params = random_params(cell)
    theirs = layer.apply({"params": {"cell": to_linen(cell, params)}}, inputs())
    np.testing.assert_allclose(theirs, ours(cell, params), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("cell", [RNN(WIDTH), LSTM(WIDTH), AFTER], ids=repr)
def test_nnx(x64, cell, optimized):
    from flax import nnx

    kind = {RNN: nnx.SimpleCell, GRU: nnx.GRUCell}.get(type(cell), nnx.OptimizedLSTMCell if optimized else nnx.LSTMCell)
    module = kind(SIZE, WIDTH, dtype=jnp.float64, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
    state = nnx.state(module, nnx.Param)
    given = from_nnx(cell, jax.tree.map(np.asarray, nnx.to_pure_dict(state)))
    params = random_params(cell)
    params = params._replace(b_hn=np.zeros(WIDTH)) if cell is AFTER else params
    layer = nnx.RNN(module, time_major=True)
    np.testing.assert_allclose(layer(jnp.asarray(inputs())), ours(cell, given), rtol=1e-12, atol=1e-12)
    tree = to_nnx(cell, params, optimized=optimized) if isinstance(cell, LSTM) else to_nnx(cell, params)
    nnx.replace_by_pure_dict(state, jax.tree.map(jnp.asarray, tree))
    nnx.update(module, state)
    np.testing.assert_allclose(layer(jnp.asarray(inputs())), ours(cell, params), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [RNN(WIDTH, activation="relu"), LSTM(WIDTH), GRU(WIDTH)], ids=repr)
def test_haiku(x64, cell):
    import haiku

    def run(xs):
        core = {RNN: haiku.VanillaRNN, LSTM: haiku.LSTM, GRU: haiku.GRU}[type(cell)](WIDTH)
        start = jax.tree.map(lambda a: a.astype(jnp.float64), core.initial_state(BATCH))
        return haiku.dynamic_unroll(core, xs, start)[0]

    pure = haiku.without_apply_rng(haiku.transform(run))
    theirs = jax.tree.map(lambda a: np.asarray(a, np.float64), pure.init(jax.random.key(0), inputs()))
    np.testing.assert_allclose(
        pure.apply(theirs, inputs()), ours(cell, from_haiku(cell, theirs)), rtol=1e-12, atol=1e-12
    )
    params = random_params(cell)
    np.testing.assert_allclose(pure.apply(to_haiku(cell, params), inputs()), ours(cell, params), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [LSTM(WIDTH), AFTER], ids=repr)
def test_equinox(x64, cell):
    import equinox as eqx

    kind = eqx.nn.LSTMCell if isinstance(cell, LSTM) else eqx.nn.GRUCell
    module = kind(SIZE, WIDTH, dtype=jnp.float64, key=jax.random.key(0))
    names = ["weight_ih", "weight_hh", "bias", *(["bias_n"] if cell is AFTER else [])]

    def run(module):
        def one(xs):
            zeros = jnp.zeros(WIDTH)

            def step(state, x):
                state = module(x, state)
                return state, state[0] if isinstance(cell, LSTM) else state

            return jax.lax.scan(step, (zeros, zeros) if isinstance(cell, LSTM) else zeros, xs)[1]

        return jax.vmap(one, 1, 1)(jnp.asarray(inputs()))

    given = from_equinox(cell, {name: getattr(module, name) for name in names})
    np.testing.assert_allclose(run(module), ours(cell, given), rtol=1e-12, atol=1e-12)
    params = random_params(cell)
    fields = to_equinox(cell, params)
    module = eqx.tree_at(lambda m: [getattr(m, n) for n in names], module, [jnp.asarray(fields[n]) for n in names])
    np.testing.assert_allclose(run(module), ours(cell, params), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", [RNN(WIDTH), LSTM(WIDTH), GRU(WIDTH), AFTER, GRU(WIDTH, use_bias=False)], ids=repr)
def test_keras(cell):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    kind = {RNN: keras.layers.SimpleRNN, LSTM: keras.layers.LSTM, GRU: keras.layers.GRU}[type(cell)]
    options = {"reset_after": cell.reset == "after"} if isinstance(cell, GRU) else {}
    layer = kind(WIDTH, return_sequences=True, use_bias=cell.use_bias, **options)
    layer.build((BATCH, STEPS, SIZE))
    xs = inputs(np.float32)

    def run():
        return np.asarray(layer(xs.swapaxes(0, 1))).swapaxes(0, 1)

    given = ours(cell, from_keras(cell, [np.asarray(v.value) for v in layer.weights]), np.float32)
    np.testing.assert_allclose(run(), given, rtol=0, atol=1e-5)
    params = random_params(cell, np.float32)
    layer.set_weights(to_keras(cell, params))
    np.testing.assert_allclose(run(), ours(cell, params, np.float32), rtol=0, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_cudnn(x64, bidirectional):
    from jax.experimental.rnn import lstm_ref, unpack_lstm_weights

    cell = Stack((LSTM(WIDTH), LSTM(WIDTH)))
    upper = 2 * WIDTH if bidirectional else WIDTH
    sides = [
        tuple(random_params(LSTM(WIDTH), size=d, seed=7 * n + d) for d in (SIZE, upper))
        for n in range(1 + bidirectional)
    ]
    blob = to_cudnn(cell, *sides)
    parts = unpack_lstm_weights(jnp.asarray(blob), SIZE, WIDTH, 2, bidirectional)
    start = jnp.zeros((2 * len(sides), BATCH, WIDTH))
    lengths = jnp.full(BATCH, STEPS, jnp.int32)
    theirs, _, _ = lstm_ref(
        jnp.asarray(inputs().swapaxes(0, 1)), start, start, *parts, lengths, SIZE, WIDTH, 2, 0.0, bidirectional
    )
    xs = inputs()
    for n in range(2):
        xs = np.concatenate([ours(LSTM(WIDTH), s[n], reverse=back == 1, xs=xs) for back, s in enumerate(sides)], -1)
    np.testing.assert_allclose(np.asarray(theirs).swapaxes(0, 1), xs, rtol=1e-12, atol=1e-12)
