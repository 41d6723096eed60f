"""What is particular to linen; what both kinds of module share is in `test_layer.py`."""

import chex
import flax
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
import pytest
from flax.linen import Dense

import recurrax.linen
import recurrax.nnx
from recurrax import GRU, LSTM, RNN, unroll
from recurrax.parameters import from_dict, to_dict
from tests.flax_examples import LearnedStart, echo_task, parameters, sequences

INPUTS = sequences(2, 5, 3)


def in_flax_rnn(cell, **fields):
    return flax.linen.RNN(recurrax.linen.RNNCell(cell, **fields))


def shapes(tree):
    return jax.tree.map(jnp.shape, tree)


class Tagger(flax.linen.Module):
    """A small model: one recurrent layer and a readout."""

    rnn: flax.linen.Module

    @flax.linen.compact
    def __call__(self, inputs):
        return Dense(1)(self.rnn(inputs))


def test_every_field_is_a_parameter_of_its_own():
    variables = recurrax.linen.RNN(GRU(4, reset="after")).init(jax.random.key(0), INPUTS)
    assert shapes(variables) == {"params": {"w_x": (3, 12), "w_h": (4, 12), "b": (12,), "b_hn": (4,)}}


def test_the_cell_holds_the_tree_of_the_layer():
    layer = recurrax.linen.RNN(LSTM(4)).init(jax.random.key(0), INPUTS)
    looped = in_flax_rnn(LSTM(4)).init(jax.random.key(0), INPUTS)
    assert shapes(looped["params"]["cell"]) == shapes(layer["params"])


def test_nested_parameters_become_nested_dicts():
    variables = recurrax.linen.RNN(LearnedStart(4)).init(jax.random.key(0), INPUTS)
    assert shapes(variables["params"]) == {"inner": {"w_x": (3, 4), "w_h": (4, 4), "b": (4,)}, "start": (4,)}


def test_parameters_are_drawn_as_the_cell_draws_them():
    variables = recurrax.linen.RNN(LSTM(4, forget_bias=2.0)).init(jax.random.key(0), INPUTS)
    params = from_dict(LSTM(4), 3, variables["params"])
    np.testing.assert_array_equal(params.b, np.repeat([0.0, 2.0, 0.0, 0.0], 4))
    for block in np.split(np.asarray(params.w_h), 4, axis=-1):
        np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-5)


def test_the_same_key_draws_the_same_parameters():
    layer = recurrax.linen.RNN(RNN(4))
    first, again, other = (layer.init(jax.random.key(k), INPUTS) for k in (0, 0, 1))
    chex.assert_trees_all_equal(first, again)
    assert not np.array_equal(first["params"]["w_h"], other["params"]["w_h"])


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("layer", [recurrax.linen.RNN, in_flax_rnn])
def test_parameters_are_held_in_param_dtype(layer, dtype):
    variables = layer(GRU(4), param_dtype=dtype).init(jax.random.key(0), INPUTS)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(dtype)}


def test_initialising_gives_the_outputs_of_the_parameters_that_it_draws():
    layer = recurrax.linen.RNN(RNN(4))
    outputs, variables = layer.init_with_output(jax.random.key(0), INPUTS)
    np.testing.assert_allclose(outputs, layer.apply(variables, INPUTS), rtol=1e-6)


def test_the_initial_carry_follows_the_parameters_that_are_there():
    cell = LearnedStart(4)
    params = parameters(cell)
    _, ys = unroll(cell, params, jnp.moveaxis(INPUTS, 1, 0))
    outputs = in_flax_rnn(cell).apply({"params": {"cell": to_dict(params)}}, INPUTS)
    np.testing.assert_allclose(outputs, jnp.moveaxis(ys, 0, 1), rtol=1e-5)


def test_the_layer_gives_the_carry_of_its_parameters_or_of_newly_drawn_ones():
    layer, key = recurrax.linen.RNN(LearnedStart(4)), jax.random.key(0)
    params = parameters(LearnedStart(4))
    bound = layer.bind({"params": to_dict(params)})
    np.testing.assert_array_equal(bound.initialize_carry(key, (2, 3)).h, np.stack([params.start] * 2))
    assert layer.initialize_carry(key, (2, 6, 3)).h.shape == (2, 6, 4)


def test_a_table_of_a_layer_that_returns_a_carry():
    table = recurrax.linen.RNN(LSTM(4)).tabulate(jax.random.key(0), INPUTS, return_carry=True)
    assert "w_h" in table and "[2,5,4]" in table


def test_a_wrong_number_of_features_is_refused():
    layer = recurrax.linen.RNN(RNN(4))
    with pytest.raises(flax.errors.ScopeParamShapeError, match="w_x"):
        layer.apply(layer.init(jax.random.key(0), INPUTS), INPUTS[..., :2])


def test_layers_over_seeds_by_flax_vmap():
    seeds = flax.linen.vmap(
        recurrax.linen.RNN, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None, axis_size=3
    )(RNN(4))
    outputs, variables = seeds.init_with_output(jax.random.key(0), INPUTS)
    assert shapes(variables["params"]) == {"w_x": (3, 3, 4), "w_h": (3, 4, 4), "b": (3, 4)}
    one = jax.tree.map(lambda a: a[1], variables)
    np.testing.assert_allclose(outputs[1], recurrax.linen.RNN(RNN(4)).apply(one, INPUTS), rtol=1e-5, atol=1e-6)


def test_parameters_move_to_nnx_and_plain_jax():
    cell = GRU(4, reset="after")
    layer = recurrax.linen.RNN(cell)
    variables = layer.init(jax.random.key(0), INPUTS)
    expected = layer.apply(variables, INPUTS)
    _, ys = unroll(cell, from_dict(cell, 3, variables["params"]), jnp.moveaxis(INPUTS, 1, 0))
    np.testing.assert_allclose(jnp.moveaxis(ys, 0, 1), expected, rtol=1e-6)
    other = recurrax.nnx.RNN(cell, 3, rngs=flax.nnx.Rngs(1))
    flax.nnx.update(other, variables["params"])
    np.testing.assert_allclose(other(INPUTS), expected, rtol=1e-6)


def test_weight_decay_by_name_leaves_the_biases_alone():
    params = in_flax_rnn(LSTM(4)).init(jax.random.key(0), INPUTS)["params"]

    def is_weight(path, _):
        return path[-1].key.startswith("w_")

    decay = optax.masked(optax.add_decayed_weights(0.1), lambda tree: jax.tree_util.tree_map_with_path(is_weight, tree))
    updates, _ = decay.update(jax.tree.map(jnp.zeros_like, params), decay.init(params), params)
    expected = {"w_x": 0.1 * params["cell"]["w_x"], "w_h": 0.1 * params["cell"]["w_h"], "b": jnp.zeros(16)}
    chex.assert_trees_all_close(updates["cell"], expected, rtol=1e-6)


def test_serialisation_there_and_back():
    variables = recurrax.linen.RNN(LearnedStart(4)).init(jax.random.key(0), INPUTS)
    blank = jax.tree.map(jnp.zeros_like, variables)
    restored = flax.serialization.from_bytes(blank, flax.serialization.to_bytes(variables))
    chex.assert_trees_all_equal(restored, variables)


def test_orbax_there_and_back(tmp_path):
    variables = in_flax_rnn(LearnedStart(4)).init(jax.random.key(0), INPUTS)
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "checkpoint", variables)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "checkpoint", jax.tree.map(jnp.zeros_like, variables))
    chex.assert_trees_all_equal(restored, variables)


@pytest.mark.parametrize("layer", [recurrax.linen.RNN, in_flax_rnn])
def test_a_small_model_learns_to_echo(layer, standard_promotion):
    inputs, targets = echo_task()
    model = Tagger(layer(GRU(16)))
    optimizer = optax.adam(0.03)

    def loss(variables):
        return jnp.mean((model.apply(variables, inputs) - targets) ** 2)

    @jax.jit
    @chex.assert_max_traces(n=1)
    def train_step(variables, state):
        value, grads = jax.value_and_grad(loss)(variables)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(variables, updates), state, value

    chex.clear_trace_counter()
    variables = model.init(jax.random.key(0), inputs)
    state, losses = optimizer.init(variables), []
    for _ in range(100):
        variables, state, value = train_step(variables, state)
        losses.append(float(value))
    assert losses[-1] < losses[0] / 10
