"""What a layer means, whichever module holds the parameters: one suite for `recurrax.linen` and `recurrax.nnx`."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, Checkpointed, from_step, length_mask, unroll
from recurrax._layer.apply import CarryAndOutputs
from tests.flax_examples import CELLS, LearnedStart, Linen, Nnx, batch_first, parameters, sequences, time_first

B, T = 3, 6
LENGTHS = jnp.array([6, 0, 4])
HOLES = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 1]], bool)

either_module = pytest.mark.parametrize("module", [Linen, Nnx])
every_cell = pytest.mark.parametrize("cell", CELLS, ids=["RNN", "LSTM", "GRU-before", "GRU-after"])
close = functools.partial(chex.assert_trees_all_close, rtol=1e-5, atol=1e-6)


def plain(cell, params, inputs, carry=None, *, mask=None, resets=None, reverse=False):
    """The oracle: `unroll`, with batch-major arguments."""
    xs, mask, resets = time_first((inputs, mask, resets))
    carry, ys = unroll(cell, params, xs, carry, mask=mask, resets=resets, reverse=reverse)
    return CarryAndOutputs(carry, batch_first(ys))


@either_module
@every_cell
def test_the_layer_equals_unroll(module, cell):
    params, inputs = parameters(cell), sequences(B, T, 3)
    close(module.layer(cell, params, inputs, return_carry=True), plain(cell, params, inputs))


@either_module
@every_cell
def test_the_cell_in_flax_rnn_equals_unroll(module, cell):
    params, inputs = parameters(cell), sequences(B, T, 3)
    close(module.loop(cell, params, inputs, return_carry=True), tuple(plain(cell, params, inputs)))


@either_module
@every_cell
def test_bidirectional_equals_two_unrolls(module, cell):
    forward, backward, inputs = parameters(cell, 0), parameters(cell, 5), sequences(B, T, 3)
    _, there = plain(cell, forward, inputs)
    _, back = plain(cell, backward, inputs, reverse=True)
    close(module.both_ways(cell, forward, backward, inputs), jnp.concatenate([there, back], -1))


@either_module
def test_reverse_begins_at_the_last_step_that_exists_and_keeps_the_order_of_outputs(module):
    cell, inputs = LSTM(4), sequences(B, T, 3)
    params = parameters(cell)
    mask = batch_first(length_mask(LENGTHS, T))
    got = module.layer(cell, params, inputs, fields={"reverse": True}, seq_lengths=LENGTHS, return_carry=True)
    close(got, plain(cell, params, inputs, mask=mask, reverse=True))
    alone = inputs[2:, :4]
    close(got[1][2:, :4], plain(cell, params, alone, reverse=True)[1])


@either_module
def test_without_keep_order_outputs_stand_as_flax_has_them(module):
    cell, inputs, lengths = LSTM(4), sequences(B, T, 3), jnp.array([6, 1, 4])
    params, fields = parameters(cell), {"reverse": True, "keep_order": False}
    close(module.layer(cell, params, inputs, fields=fields), plain(cell, params, inputs, reverse=True).outputs[:, ::-1])
    outputs = module.layer(cell, params, inputs, fields=fields, seq_lengths=lengths)
    flax_outputs = module.loop(cell, params, inputs, reverse=True, seq_lengths=lengths)
    within = batch_first(length_mask(lengths, T))
    close(outputs[within], flax_outputs[within])
    assert not outputs[~within].any()


@either_module
@pytest.mark.parametrize("keep_order", [False, True])
def test_time_major_moves_the_time_axis_of_all_that_has_one(module, keep_order):
    cell, fields = LSTM(4), {"reverse": True, "keep_order": keep_order}
    params, inputs = parameters(cell), sequences(2, B, T, 3)
    flags = {"mask": np.stack([HOLES] * 2), "resets": np.roll(np.stack([HOLES] * 2), 1, -1)}
    given = {"seq_lengths": jnp.stack([LENGTHS] * 2), "return_carry": True}
    expected = module.layer(cell, params, inputs, fields=fields, **flags, **given)
    carry, outputs = module.layer(
        cell, params, time_first(inputs, 2), fields=fields | {"time_major": True}, **time_first(flags, 2), **given
    )
    close((carry, batch_first(outputs, 2)), tuple(expected))
    with pytest.raises(ValueError, match=r"mask must have shape \(6, 3\) \(time-major \[T, \*B\]"):
        module.layer(cell, params, time_first(inputs[0]), fields={"time_major": True}, mask=HOLES)


@either_module
def test_truncation_and_checkpoints_reach_the_run(module):
    cell, inputs = RNN(4), sequences(B, T, 3)
    params = parameters(cell)

    def gradient(**fields):
        return jax.grad(lambda xs: module.layer(cell, params, xs, fields=fields)[:, -1].sum())(inputs)

    assert not gradient(truncate_every=2)[:, :4].any() and gradient()[:, :4].all()
    close(gradient(executor=Checkpointed("auto", every=2)), gradient())


@either_module
def test_masked_steps_do_not_exist(module):
    cell, inputs = LSTM(4), sequences(B, T, 3)
    params = parameters(cell)
    carry, outputs = module.layer(cell, params, inputs, mask=HOLES, return_carry=True)
    close((carry, outputs), tuple(plain(cell, params, inputs, mask=HOLES)))
    assert not np.asarray(outputs)[~HOLES].any()
    close(np.asarray(outputs[0])[HOLES[0]], unroll(cell, params, np.asarray(inputs[0])[HOLES[0]])[1])


@either_module
def test_padding_is_zero_and_a_sequence_of_length_zero_returns_the_initial_carry(module):
    cell, inputs = LearnedStart(4), sequences(B, T, 3)
    params = parameters(cell)
    carry, outputs = module.layer(cell, params, inputs, seq_lengths=LENGTHS, return_carry=True)
    assert not np.asarray(outputs)[np.arange(T) >= np.asarray(LENGTHS)[:, None]].any()
    close((carry.h[2], outputs[2, :4]), (outputs[2, 3], unroll(cell, params, inputs[2, :4])[1]))
    close(carry.h[1], params.start)


@either_module
def test_lengths_agree_with_flax_where_flax_is_right(module):
    cell, inputs, lengths = LSTM(4), sequences(B, T, 3), jnp.array([6, 1, 4])
    params = parameters(cell)
    carry, outputs = module.layer(cell, params, inputs, seq_lengths=lengths, return_carry=True)
    flax_carry, flax_outputs = module.loop(cell, params, inputs, seq_lengths=lengths, return_carry=True)
    within = batch_first(length_mask(lengths, T))
    close(carry, flax_carry)
    close(outputs[within], flax_outputs[within])


@either_module
def test_a_step_has_to_satisfy_both_lengths_and_mask(module):
    cell, inputs = RNN(4), sequences(B, T, 3)
    params = parameters(cell)
    got = module.layer(cell, params, inputs, seq_lengths=LENGTHS, mask=HOLES, return_carry=True)
    close(got, plain(cell, params, inputs, mask=HOLES & batch_first(length_mask(LENGTHS, T))))


@either_module
def test_a_reset_restores_the_cells_own_carry(module):
    cell, inputs = LearnedStart(4), sequences(B, T, 3)
    params = parameters(cell)
    resets = jnp.zeros((B, T), bool).at[0, 2].set(True)
    carry = cell.initial_carry(params, (B,))._replace(h=jnp.ones((B, 4)))
    outputs = module.layer(cell, params, inputs, resets=resets, initial_carry=carry)
    close(outputs, plain(cell, params, inputs, carry, resets=resets)[1])
    close(outputs[0, 2:], unroll(cell, params, inputs[0, 2:])[1])


@either_module
def test_a_run_cut_in_two_is_the_run(module):
    cell, inputs = LSTM(4), sequences(B, T, 3)
    params = parameters(cell)
    whole = module.layer(cell, params, inputs, return_carry=True)
    carry, first = module.layer(cell, params, inputs[:, :2], return_carry=True)
    carry, second = module.layer(cell, params, inputs[:, 2:], initial_carry=carry, return_carry=True)
    close((carry, jnp.concatenate([first, second], 1)), tuple(whole))


@either_module
@pytest.mark.parametrize("batch_shape", [(), (2, 3), (0,)])
def test_any_number_of_batch_axes(module, batch_shape):
    cell, axis = LSTM(4), len(batch_shape)
    params, inputs = parameters(cell), sequences(*batch_shape, T, 3)
    lengths = jnp.full(batch_shape, 4)
    carry, outputs = module.layer(cell, params, inputs, seq_lengths=lengths, return_carry=True)
    expected, ys = unroll(cell, params, time_first(inputs, axis), mask=length_mask(lengths, T))
    close((carry, outputs), (expected, batch_first(ys, axis)))
    assert outputs.shape == (*batch_shape, T, 4)
    if axis == 2:
        close(module.loop(cell, params, inputs), module.layer(cell, params, inputs))


@either_module
def test_no_time_steps_return_the_initial_carry(module):
    cell = LSTM(4)
    params = parameters(cell)
    carry, outputs = module.layer(
        cell, params, jnp.ones((B, 0, 3)), seq_lengths=jnp.zeros(B, int), mask=jnp.ones((B, 0), bool), return_carry=True
    )
    assert outputs.shape == (B, 0, 4)
    chex.assert_trees_all_equal(carry, cell.initial_carry(params, (B,)))


@either_module
def test_nan_and_inf_in_the_padding_touch_neither_values_nor_gradients(module):
    cell, inputs = LSTM(4), sequences(B, T, 3)
    mask = batch_first(length_mask(LENGTHS, T))

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1))
    def value_and_grads(params, inputs, lengths):
        return (module.layer(cell, params, inputs, seq_lengths=lengths) ** 2).sum()

    params = parameters(cell)
    clean = value_and_grads(params, inputs, LENGTHS)
    poisoned = value_and_grads(
        params, jnp.where(mask[..., None], inputs, jnp.array([jnp.nan, jnp.inf, -jnp.inf])), LENGTHS
    )
    chex.assert_trees_all_equal(clean, poisoned)
    chex.assert_tree_all_finite(poisoned)


@either_module
def test_inputs_may_be_a_pytree(module):
    cell = _two_inputs()
    inputs = {"a": sequences(B, T, 3), "b": sequences(B, T, 3, seed=1)}
    params = {"w": jnp.arange(3.0)}
    got = module.layer(cell, params, inputs, mask=HOLES)
    close(got, plain(cell, params, inputs, mask=HOLES)[1])
    with pytest.raises(ValueError, match=r"inputs\['b'\] has shape \(3, 5, 3\); every leaf must begin"):
        module.layer(cell, params, {**inputs, "b": inputs["b"][:, 1:]})


def _two_inputs():
    def step(params, h, x):
        return h + params["w"] * x["a"] * x["b"], None

    def start(params, batch):
        return jnp.zeros((*batch, 3), params["w"].dtype)

    return from_step(step, start, output=lambda params, h: h, init=lambda key, size: {"w": jnp.ones(size)})


@either_module
def test_jit_compiles_once_for_one_shape(module):
    @jax.jit
    @chex.assert_max_traces(n=1)
    def outputs(params, inputs, lengths):
        return module.layer(LSTM(4), params, inputs, seq_lengths=lengths)

    chex.clear_trace_counter()
    for seed in range(3):
        outputs(parameters(LSTM(4), seed), sequences(B, T, 3, seed=seed), jnp.full(B, seed))


@either_module
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"mask": jnp.ones((T, B), bool)}, ValueError,
         r"mask must have shape \(3, 6\) \(batch-major \[\*B, T\].*got \(6, 3\)"),
        ({"resets": jnp.ones((T, B), bool)}, ValueError, r"resets must have shape \(3, 6\) \(batch-major"),
        ({"mask": jnp.ones((B, T))}, TypeError, "mask must be boolean, got dtype float32"),
        ({"mask": [[True] * T] * B}, TypeError, r"mask.* must be an array"),
        ({"seq_lengths": jnp.array([1, 7, 2])}, ValueError, "seq_lengths: .*between 0 and T = 6, got 7"),
        ({"seq_lengths": jnp.array([1, -1, 2])}, ValueError, "seq_lengths: .*got -1"),
        ({"seq_lengths": jnp.ones(B)}, TypeError, "seq_lengths: .*integers"),
        ({"seq_lengths": jnp.ones(T, int)}, ValueError, r"seq_lengths must have shape \(3,\).*got \(6,\)"),
        ({"initial_carry": jnp.ones((B, 4))}, TypeError, "initial_carry has another structure"),
        ({"initial_carry": (jnp.ones((B, 4)), jnp.ones((B, 4)))}, TypeError,
         r"plain tuple where LSTM\(.*Flax keeps \(c, h\)\): name the fields, LSTMCarry\(h=..., c=...\)"),
        ({"initial_carry": LSTM(4).initial_carry(LSTM(4).init(jax.random.key(0), 3), (2,))}, ValueError,
         r"initial_carry.h has shape \(2, 4\), .*expects \(3, 4\)"),
        ({"fields": {"executor": "magic"}}, ValueError, "executor must be one of 'auto'"),
        ({"fields": {"dtype": jnp.int32}}, ValueError, "dtype must be a floating dtype"),
        ({"fields": {"dtype": "single-ish"}}, ValueError, "dtype must be a floating dtype .* got 'single-ish'"),
        ({"fields": {"param_dtype": jnp.complex64}}, ValueError, "param_dtype must be a floating dtype"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(module, arguments, error, message):
    with pytest.raises(error, match=message):
        module.layer(LSTM(4), parameters(LSTM(4)), jnp.ones((B, T, 3)), **arguments)


@either_module
def test_wrong_inputs_are_named(module):
    params = parameters(LSTM(4))
    with pytest.raises(ValueError, match=r"inputs must have at least 2 axes, \[\*B, T, D\].*got shape \(3,\)"):
        module.layer(LSTM(4), params, jnp.ones(3))
    with pytest.raises(TypeError, match=r"inputs\[1\] must be an array"):
        module.layer(LSTM(4), params, [jnp.ones((B, T, 3)), 1.0])


@either_module
def test_a_carry_of_another_kind_is_refused(module):
    carry = jax.tree.map(lambda a: a.astype(int), LSTM(4).initial_carry(parameters(LSTM(4)), (B,)))
    with pytest.raises(TypeError, match=r"carry.h is int32, LSTM.* expects float32"):
        module.step(LSTM(4), parameters(LSTM(4)), carry, jnp.ones((B, 3)))


@either_module
@pytest.mark.parametrize(("cell", "hint"), [(LSTM, r"LSTM\(hidden_size=32\)"), (sum, "from_step")])
def test_what_is_no_cell_is_refused(module, cell, hint):
    with pytest.raises(TypeError, match=f"cell must be a recurrax Cell.*{hint}"):
        module.layer(cell, parameters(LSTM(4)), jnp.ones((B, T, 3)))


def test_linen_and_nnx_agree_to_the_bit():
    for cell in CELLS:
        params, inputs = parameters(cell), sequences(B, T, 3)
        chex.assert_trees_all_equal(Linen.layer(cell, params, inputs), Nnx.layer(cell, params, inputs))
