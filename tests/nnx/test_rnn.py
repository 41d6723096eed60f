"""What is particular to nnx; what both kinds of module share is in `test_layer.py`."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
import pytest
from flax import nnx

import recurrax.linen
import recurrax.nnx
from recurrax import GRU, LSTM, RNN, from_step, unroll
from recurrax.parameters import from_dict, to_dict
from tests.flax_examples import LearnedStart, echo_task, parameters, sequences

INPUTS = sequences(2, 5, 3)


def layer_of(cell, features=3, seed=0, **fields):
    return recurrax.nnx.RNN(cell, features, rngs=nnx.Rngs(seed), **fields)


def in_flax_rnn(cell, features=3, seed=0, **fields):
    return nnx.RNN(recurrax.nnx.RNNCell(cell, features, rngs=nnx.Rngs(seed), **fields), rngs=False)


either_way = pytest.mark.parametrize("make", [layer_of, in_flax_rnn])


def tree_of(module):
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))


def shapes(tree):
    return jax.tree.map(jnp.shape, tree)


class Tagger(nnx.Module):
    """A small model: one recurrent layer and a readout."""

    def __init__(self, rnn, features):
        self.rnn = rnn
        self.readout = nnx.Linear(features, 1, rngs=nnx.Rngs(1))

    def __call__(self, inputs):
        return self.readout(self.rnn(inputs))


def test_every_field_is_a_parameter_of_its_own():
    tree = tree_of(layer_of(GRU(4, reset="after")))
    assert shapes(tree) == {"w_x": (3, 12), "w_h": (4, 12), "b": (12,), "b_hn": (4,)}


def test_the_cell_holds_the_tree_of_the_layer():
    assert shapes(tree_of(in_flax_rnn(LSTM(4)))["cell"]) == shapes(tree_of(layer_of(LSTM(4))))


def test_nested_parameters_become_nested_dicts():
    tree = tree_of(layer_of(LearnedStart(4)))
    assert shapes(tree) == {"inner": {"w_x": (3, 4), "w_h": (4, 4), "b": (4,)}, "start": (4,)}


def test_parameters_are_drawn_as_the_cell_draws_them():
    layer = layer_of(LSTM(4, forget_bias=2.0))
    np.testing.assert_array_equal(layer.b[...], np.repeat([0.0, 2.0, 0.0, 0.0], 4))
    for block in np.split(np.asarray(layer.w_h[...]), 4, axis=-1):
        np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-5)


def test_the_same_seed_draws_the_same_parameters():
    first, again, other = (tree_of(layer_of(RNN(4), seed=seed)) for seed in (0, 0, 1))
    chex.assert_trees_all_equal(first, again)
    assert not np.array_equal(first["w_h"], other["w_h"])


@either_way
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_parameters_are_held_in_param_dtype(make, dtype):
    leaves = jax.tree.leaves(tree_of(make(GRU(4), param_dtype=dtype)))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(dtype)}


@either_way
def test_the_state_holds_parameters_and_nothing_else(make):
    _, params, rest = nnx.split(make(LSTM(4)), nnx.Param, ...)
    assert len(jax.tree.leaves(params)) == 3
    assert not jax.tree.leaves(rest)


@either_way
def test_layers_of_equal_cells_have_equal_graphs(make):
    first, again, other = (nnx.graphdef(make(cell)) for cell in (LSTM(4), LSTM(4), LSTM(4, forget_bias=0.0)))
    assert first == again and hash(first) == hash(again)
    assert first != other


@either_way
def test_a_merged_module_is_differentiable_by_plain_jax(make):
    graph, params = nnx.split(make(LSTM(4)))

    def loss(params):
        return (nnx.merge(graph, params)(INPUTS) ** 2).sum()

    grads = nnx.to_pure_dict(jax.jit(jax.grad(loss))(params))
    assert all(leaf.any() for leaf in jax.tree.leaves(grads))


def test_the_initial_carry_follows_the_parameters():
    cell = LearnedStart(4)
    params = parameters(cell)
    rnn = in_flax_rnn(cell)
    nnx.update(rnn.cell, to_dict(params))
    _, ys = unroll(cell, params, jnp.moveaxis(INPUTS, 1, 0))
    np.testing.assert_allclose(rnn(INPUTS), jnp.moveaxis(ys, 0, 1), rtol=1e-5)


def test_parameters_may_be_given_within_a_compiled_function():
    layer, params = layer_of(LSTM(4)), parameters(LSTM(4))
    nnx.jit(lambda layer, params: layer.set_params(params))(layer, params)
    chex.assert_trees_all_equal(tree_of(layer), to_dict(params))


def test_the_layer_gives_the_carry_of_its_parameters():
    layer = layer_of(LearnedStart(4))
    np.testing.assert_array_equal(layer.initialize_carry((2, 3)).h, np.stack([layer.start[...]] * 2))


def test_a_table_of_a_layer_that_returns_a_carry():
    table = nnx.tabulate(layer_of(LSTM(4)), INPUTS, return_carry=True)
    assert "w_h" in table and "[2,5,4]" in table


def test_a_wrong_number_of_features_is_named():
    with pytest.raises(ValueError, match=r"inputs have 2 features \(shape \(2, 5, 2\)\), the parameters take 3"):
        layer_of(RNN(4))(INPUTS[..., :2])
    with pytest.raises(ValueError, match="in_features must be at least 1, got 0"):
        layer_of(RNN(4), features=0)


def test_a_parameter_that_would_hide_an_attribute_of_the_layer_is_refused():
    cell = from_step(
        lambda params, h, x: (h, h),
        lambda params, batch: jnp.zeros(batch),
        output=lambda params, h: h,
        init=lambda key, size: {"cell": jnp.ones(size)},
    )
    with pytest.raises(ValueError, match="parameter named 'cell'"):
        layer_of(cell)


def test_layers_over_seeds_by_nnx_vmap():
    @nnx.split_rngs(splits=3)
    @nnx.vmap
    def seeds(rngs):
        return recurrax.nnx.RNN(RNN(4), 3, rngs=rngs)

    layers = seeds(nnx.Rngs(0))
    assert shapes(tree_of(layers)) == {"w_x": (3, 3, 4), "w_h": (3, 4, 4), "b": (3, 4)}
    assert nnx.vmap(lambda layer: layer(INPUTS))(layers).shape == (3, 2, 5, 4)


def test_parameters_move_to_linen_and_plain_jax():
    cell = GRU(4, reset="after")
    layer = layer_of(cell)
    expected, tree = layer(INPUTS), tree_of(layer)
    np.testing.assert_allclose(recurrax.linen.RNN(cell).apply({"params": tree}, INPUTS), expected, rtol=1e-6)
    _, ys = unroll(cell, from_dict(cell, 3, tree), jnp.moveaxis(INPUTS, 1, 0))
    np.testing.assert_allclose(jnp.moveaxis(ys, 0, 1), expected, rtol=1e-6)


def test_frozen_biases_by_name():
    model = in_flax_rnn(LSTM(4, forget_bias=1.0))
    before = tree_of(model)["cell"]

    def label(path, _):
        return "frozen" if jax.tree_util.DictKey("b") in path else "trained"

    def labels(tree):
        return jax.tree_util.tree_map_with_path(label, tree)

    chosen = optax.multi_transform({"trained": optax.sgd(0.1), "frozen": optax.set_to_zero()}, labels)
    optimizer = nnx.Optimizer(model, chosen, wrt=nnx.Param)
    optimizer.update(model, nnx.grad(lambda model: (model(INPUTS) ** 2).sum())(model))
    after = tree_of(model)["cell"]
    np.testing.assert_array_equal(after["b"], before["b"])
    assert not np.array_equal(after["w_h"], before["w_h"])


def test_orbax_there_and_back(tmp_path):
    saved, blank = in_flax_rnn(LearnedStart(4)), in_flax_rnn(LearnedStart(4), seed=1)
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "checkpoint", tree_of(saved))
        checkpointer.wait_until_finished()
        nnx.update(blank, checkpointer.restore(tmp_path / "checkpoint", tree_of(blank)))
    chex.assert_trees_all_equal(tree_of(blank), tree_of(saved))


@either_way
def test_a_small_model_learns_to_echo(make, standard_promotion):
    inputs, targets = echo_task()
    model = Tagger(make(GRU(16), 1), 16)
    optimizer = nnx.Optimizer(model, optax.adam(0.03), wrt=nnx.Param)

    @nnx.jit
    @chex.assert_max_traces(n=1)
    def train_step(model, optimizer):
        value, grads = nnx.value_and_grad(lambda model: jnp.mean((model(inputs) - targets) ** 2))(model)
        optimizer.update(model, grads)
        return value

    chex.clear_trace_counter()
    losses = [float(train_step(model, optimizer)) for _ in range(100)]
    assert losses[-1] < losses[0] / 10


def test_rngs_that_are_none_are_named():
    with pytest.raises(TypeError, match=r"rngs must be flax.nnx.Rngs, e.g. nnx.Rngs\(0\), got 0"):
        recurrax.nnx.RNN(RNN(4), 3, rngs=0)
