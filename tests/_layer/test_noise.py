"""When a layer asks for randomness, and what it does with it: as Flax's own Dropout."""

import chex
import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import recurrax.linen
import recurrax.nnx
from recurrax import GRU, LSTM, RNN, unroll
from recurrax._layer.noise import draws_noise
from recurrax.cells.lru import LRU
from recurrax.wrappers.dropout import Dropout, VariationalDropout
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.weight_drop import WeightDrop
from recurrax.wrappers.zoneout import Zoneout
from tests.flax_examples import Linen, Nnx, Noisy, batch_first, parameters, sequences, time_first

SIZE = 3
INPUTS = sequences(2, 5, SIZE)
NOISY = [
    Noisy(4),
    Dropout(LSTM(4)),
    VariationalDropout(GRU(4)),
    WeightDrop(LSTM(4)),
    Zoneout(LRU(4)),
    Stack((LSTM(4), Dropout(GRU(4)))),
    Residual(Stack((GRU(4), Zoneout(GRU(SIZE))))),
    Dropout(Stack((LSTM(4), LSTM(4)))),
]
QUIET = [
    Dropout(LSTM(4), rate=0.0),
    VariationalDropout(GRU(4), input_rate=0.0, recurrent_rate=0.0),
    WeightDrop(LSTM(4), rate=0.0),
    Zoneout(LRU(4), rate=0.0),
    LSTM(4),
    Stack((LSTM(4), Stack((GRU(4), RNN(4))))),
    Residual(Stack((GRU(4), GRU(SIZE)))),
]

either_module = pytest.mark.parametrize("module", [Linen, Nnx])
noisy = pytest.mark.parametrize("cell", NOISY, ids=lambda cell: repr(cell)[:20])
quiet = pytest.mark.parametrize("cell", QUIET, ids=lambda cell: repr(cell)[:20])


@noisy
def test_a_cell_that_depends_on_its_key_draws_noise(cell):
    assert draws_noise(cell, SIZE)


@quiet
def test_a_cell_that_only_hands_its_key_on_draws_none(cell):
    assert not draws_noise(cell, SIZE)


def test_a_cell_is_asked_once():
    class Counted(RNN):
        def project(self, weights, x, key=None):
            calls.append(key)
            return super().project(weights, x, key)

    calls = []
    assert not any(draws_noise(Counted(4), SIZE) for _ in range(3))
    assert len(calls) == 1


@either_module
@pytest.mark.parametrize("cell", [Noisy(4), WeightDrop(LSTM(4))], ids=["by step", "by run"])
def test_noise_comes_from_the_stream_and_a_deterministic_layer_has_none(module, cell):
    params = parameters(cell)
    quiet = module.layer(cell, params, INPUTS)
    chex.assert_trees_all_close(quiet, batch_first(unroll(cell, params, time_first(INPUTS))[1]), rtol=1e-5, atol=1e-6)
    once, again, other = (module.layer(cell, params, INPUTS, noise=jax.random.key(k)) for k in (1, 1, 2))
    chex.assert_trees_all_equal(once, again)
    assert (once != other).any() and (once != quiet).any()


@either_module
def test_the_directions_of_a_bidirectional_layer_have_noise_of_their_own(module):
    cell, inputs = Dropout(RNN(4)), jnp.ones((2, 5, SIZE))
    params = (parameters(cell),) * 2
    f, b = jnp.split(module.bidirectional(cell, params, inputs, noise=jax.random.key(0)), 2, axis=-1)
    assert (f != b[:, ::-1]).any()


def test_a_run_in_two_pieces_has_the_noise_of_one():
    cell = Dropout(RNN(4))
    layer = recurrax.nnx.RNN(cell, SIZE, rngs=nnx.Rngs(0))
    key = jax.random.key(1)
    whole = layer(INPUTS, rngs=key)
    carry, first = layer(INPUTS[:, :2], rngs=key, return_carry=True)
    second = layer(INPUTS[:, 2:], rngs=key, initial_carry=carry, first_step=2)
    chex.assert_trees_all_close(jnp.concatenate([first, second], 1), whole, rtol=1e-6)
    linen = recurrax.linen.RNN(cell, deterministic=False)
    variables, rngs = linen.variables_of(parameters(cell)), {"dropout": key}
    whole = linen.apply(variables, INPUTS, rngs=rngs)
    carry, first = linen.apply(variables, INPUTS[:, :2], rngs=rngs, return_carry=True)
    second = linen.apply(variables, INPUTS[:, 2:], rngs=rngs, initial_carry=carry, first_step=2)
    chex.assert_trees_all_close(jnp.concatenate([first, second], 1), whole, rtol=1e-6)


@pytest.mark.parametrize("kind", [recurrax.linen.RNN, recurrax.linen.Bidirectional])
def test_linen_has_to_be_told_whether_there_is_noise_and_given_the_stream(kind):
    cell = Dropout(LSTM(4))
    variables = kind(cell).init(jax.random.key(0), INPUTS, deterministic=True)
    with pytest.raises(ValueError, match='"deterministic" must be passed to the constructor or at call time'):
        kind(cell).apply(variables, INPUTS)
    with pytest.raises(ValueError, match='"deterministic" was passed to the constructor and at call time'):
        kind(cell, deterministic=True).apply(variables, INPUTS, deterministic=True)
    with pytest.raises(flax.errors.InvalidRngError, match='needs PRNG for "dropout"'):
        kind(cell, deterministic=False).apply(variables, INPUTS)
    given = {"deterministic": False, "rngs": {"dropout": jax.random.key(0)}}
    assert (
        kind(cell).apply(variables, INPUTS, **given) != kind(cell).apply(variables, INPUTS, deterministic=True)
    ).any()


@pytest.mark.parametrize("kind", [recurrax.nnx.RNN, recurrax.nnx.Bidirectional])
def test_nnx_obeys_train_and_eval_and_keeps_its_stream(kind):
    layer = kind(Dropout(LSTM(4)), SIZE, rngs=nnx.Rngs(0))
    layer.eval()
    np.testing.assert_array_equal(layer(INPUTS), layer(INPUTS))
    assert (layer(INPUTS, deterministic=False) != layer(INPUTS)).any()
    layer.train()
    assert (layer(INPUTS) != layer(INPUTS)).any()
    np.testing.assert_array_equal(layer(INPUTS, deterministic=True), layer(INPUTS, deterministic=True))
    rngs = nnx.Rngs(5), nnx.Rngs(5), jax.random.key(1), jax.random.key(1), nnx.RngStream(3, tag="a")
    a, b, c, d, e = (layer(INPUTS, rngs=own) for own in rngs)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(c, d)
    assert (a != c).any() and (c != e).any()
    np.testing.assert_array_equal(nnx.view(layer, deterministic=True)(INPUTS), layer(INPUTS, deterministic=True))


def test_nnx_refuses_noise_without_a_source():
    layer = recurrax.nnx.RNN(Dropout(LSTM(4)), SIZE, rngs=nnx.Rngs(params=0))
    with pytest.raises(ValueError, match='rngs must be given to the module, with a stream "dropout", or to the call'):
        layer(INPUTS)
    assert layer(INPUTS, rngs=nnx.Rngs(0)).shape == layer(INPUTS, deterministic=True).shape
    undecided = recurrax.nnx.RNN(Dropout(LSTM(4)), SIZE, deterministic=None, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="deterministic must be given to the module or to the call"):
        undecided(INPUTS)


@quiet
def test_a_cell_without_noise_asks_for_nothing(cell):
    layer = recurrax.linen.RNN(cell)
    layer.apply(layer.init(jax.random.key(0), INPUTS), INPUTS)
    module = recurrax.nnx.RNN(cell, SIZE, deterministic=None, rngs=nnx.Rngs(params=0))
    module(INPUTS)
    assert not jax.tree.leaves(nnx.state(module, nnx.RngState))


def test_flaxs_rnn_over_a_linen_cell_drops_or_refuses():
    cell = recurrax.linen.RNNCell(Dropout(RNN(4)), deterministic=False)
    split = flax.linen.RNN(cell, split_rngs={"params": False, "dropout": True})
    variables, inputs = split.init(jax.random.key(0), INPUTS), jnp.ones((1, 40, SIZE))
    rngs = {"dropout": jax.random.key(1)}
    with pytest.raises(flax.errors.InvalidRngError, match='split_rngs={"params": False, "dropout": True}'):
        flax.linen.RNN(cell).apply(variables, inputs, rngs=rngs)
    with pytest.raises(ValueError, match='"deterministic" must be passed'):
        flax.linen.RNN(recurrax.linen.RNNCell(Dropout(RNN(4)))).apply(variables, inputs, rngs=rngs)
    quiet = flax.linen.RNN(recurrax.linen.RNNCell(Dropout(RNN(4)), deterministic=True)).apply(variables, inputs)
    assert (split.apply(variables, inputs, rngs=rngs) != quiet).any()


def test_flaxs_rnn_over_an_nnx_cell_drops_anew_at_every_step():
    cell = recurrax.nnx.RNNCell(Noisy(4), SIZE, rngs=nnx.Rngs(0))
    cell.set_params(jax.tree.map(jnp.zeros_like, parameters(Noisy(4))))
    layer = nnx.RNN(cell)
    once, again = layer(INPUTS), layer(INPUTS)
    assert len(np.unique(np.stack([once, again]))) == 2 * once.size
    layer.eval()
    assert not layer(INPUTS).any()
    cell = recurrax.nnx.RNNCell(Noisy(4), SIZE, rngs=nnx.Rngs(params=0))
    with pytest.raises(ValueError, match="rngs must be given"):
        nnx.RNN(cell)(INPUTS)


def test_noise_under_the_transforms_of_nnx():
    layer = recurrax.nnx.RNN(Dropout(RNN(4)), SIZE, rngs=nnx.Rngs(0))
    run = nnx.jit(lambda layer: layer(INPUTS))
    assert (run(layer) != run(layer)).any()
    gradient = nnx.jit(nnx.grad(lambda layer: layer(INPUTS).sum()))(layer)
    assert len(jax.tree.leaves(gradient)) == 3

    @nnx.split_rngs(splits=2)
    @nnx.vmap
    def seeds(rngs):
        return recurrax.nnx.RNN(Dropout(RNN(4)), SIZE, rngs=rngs)

    outputs = nnx.vmap(lambda layer: layer(INPUTS))(seeds(nnx.Rngs(0)))
    assert outputs.shape == (2, 2, 5, 4) and (outputs[0] != outputs[1]).any()


def test_noise_under_the_transforms_of_linen():
    layer = flax.linen.remat(recurrax.linen.RNN)(Dropout(RNN(4)), deterministic=False)
    variables = layer.init(jax.random.key(0), INPUTS)

    @jax.jit
    @jax.grad
    def gradient(variables, key):
        return layer.apply(variables, INPUTS, rngs={"dropout": key}).sum()

    once, again, other = (gradient(variables, jax.random.key(k))["params"]["w_h"] for k in (1, 1, 2))
    assert (once == again).all() and (once != other).any()
    seeds = flax.linen.vmap(
        recurrax.linen.RNN,
        variable_axes={"params": 0},
        split_rngs={"params": False, "dropout": True},
        in_axes=None,
        axis_size=2,
    )(Dropout(RNN(4)), deterministic=False)
    stacked = jax.tree.map(lambda a: jnp.stack([a, a]), variables)
    outputs = seeds.apply(stacked, INPUTS, rngs={"dropout": jax.random.key(1)})
    assert outputs.shape == (2, 2, 5, 4) and (outputs[0] != outputs[1]).any()
