"""What `unroll` and `explain` say of their arguments, and `length_mask`."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, explain, from_step, length_mask, unroll
from tests.test_unroll import CELL, B, D, H, T, draw, identical
from tests.test_unroll_starts import COUNTER, Started, the_sum


@pytest.mark.parametrize("lengths", [3, [0, 5, 2], [[0, 1], [5, 4]], np.array([5], np.int8), np.array([], np.uint8)])
def test_length_mask_is_true_for_the_first_steps_of_each_sequence(lengths):
    mask = length_mask(np.asarray(lengths), 5)
    assert mask.shape == (5, *np.shape(lengths)) and mask.dtype == bool
    np.testing.assert_array_equal(mask.sum(0), lengths)
    np.testing.assert_array_equal(mask, np.sort(mask, axis=0)[::-1])


def test_length_mask_takes_lengths_of_a_dtype_that_cannot_hold_the_number_of_steps(standard_promotion):
    np.testing.assert_array_equal(length_mask(np.array([200, 0], np.uint8), 300).sum(0), [200, 0])


def test_length_mask_works_under_jit_and_for_no_step():
    np.testing.assert_array_equal(jax.jit(length_mask, static_argnums=1)(jnp.array([1]), 3), [[1], [0], [0]])
    assert length_mask(np.zeros(2, int), 0).shape == (0, 2)


@pytest.mark.parametrize(
    ("lengths", "length", "error", "message"),
    [
        ([1, 4], 3, ValueError, "lengths must lie between 0 and T = 3, got 4"),
        ([1, -1], 3, ValueError, "lengths must lie between 0 and T = 3, got -1"),
        ([1.0], 3, TypeError, "lengths must be integers, got dtype float"),
        ([True], 3, TypeError, "lengths must be integers, got dtype bool"),
        ("ab", 3, TypeError, "lengths must be"),
        ([1], 3.0, TypeError, "length must be"),
        ([0], -1, ValueError, "length must be"),
    ],
)
def test_length_mask_names_what_is_wrong(lengths, length, error, message):
    with pytest.raises(error, match=message):
        length_mask(lengths, length)


# ---- explain --------------------------------------------------------------------------------------------------------


def test_explain_tells_the_executor_the_sizes_and_why():
    run = draw()
    explanation = explain(CELL, run.params, run.xs, run.carry, mask=run.mask, resets=run.resets)
    assert explanation.executor == "fused" and explanation.reason
    assert (explanation.steps, explanation.batch_shape) == (T, (B,))
    assert explanation.outputs.shape == (T, B, H) and explanation.outputs.dtype == jnp.float32
    assert explanation.carry.c.shape == (B, H)
    assert str(explanation).startswith("fused: ")
    assert f"steps {T}, batch ({B},); carry h float32[{B}, {H}], c float32[{B}, {H}]" in str(explanation)


def test_explain_names_an_executor_that_was_asked_for():
    run = draw()
    assert explain(CELL, run.params, run.xs, executor="scan").reason == "asked for"


def test_explain_computes_nothing():
    params = jax.eval_shape(lambda: CELL.init(jax.random.key(0), D))
    explanation = explain(CELL, params, jax.ShapeDtypeStruct((10**7, 10**4, D), jnp.float32))
    assert explanation.outputs.shape == (10**7, 10**4, H)


# ---- errors ---------------------------------------------------------------------------------------------------------

run = draw()


def zeros(*shape, dtype=jnp.float32):
    return np.zeros(shape, dtype)


ERRORS = {
    "cell is a class": ({"cell": LSTM}, TypeError, r"cell must be a recurrax Cell, got .*LSTM.*Make an instance"),
    "cell and params are exchanged": (
        {"cell": run.params, "params": CELL},
        TypeError,
        r"cell comes first, params second; got a LSTMParams of arrays, then LSTM\(",
    ),
    "cell is the parameters": ({"cell": run.params}, TypeError, "cell must be a .* got a LSTMParams of arrays"),
    "cell is a name": ({"cell": "lstm"}, TypeError, "cell must be a recurrax Cell, got 'lstm'"),
    "xs is a list": ({"xs": [[1.0, 2.0, 3.0]]}, TypeError, r"xs\[0\]\[0\] must be an array, got 1.0 of type float"),
    "xs is missing": ({"xs": None}, ValueError, "xs has no array"),
    "xs has no features": ({"xs": zeros(T)}, ValueError, r"xs must have at least 2 axes, .* got shape \(6,\)"),
    "xs has other features": ({"xs": zeros(T, B, 5)}, ValueError, r"xs has 5 features \(shape \(6, 2, 5\)\).* take 3"),
    "xs is features first": ({"xs": zeros(D, B, T)}, ValueError, "xs has 6 features .* features last"),
    "xs is a pytree for a cell of one input": ({"xs": {"a": zeros(T, B, D)}}, TypeError, "xs"),
    "xs is text": ({"xs": np.full((T, B, D), "a")}, TypeError, "xs"),
    "xs is complex": ({"xs": zeros(T, B, D, dtype=complex)}, TypeError, r"carry.h is float32 .* xs \(complex64\)"),
    "params is of another cell": (
        {"params": GRU(hidden_size=H).init(jax.random.key(0), D)},
        TypeError,
        r"params has another structure than LSTM\(.* got .*GRUParams",
    ),
    "params is a dict": ({"params": run.params._asdict()}, TypeError, "params"),
    "params is a tuple": ({"params": tuple(run.params)}, TypeError, "params"),
    "params is missing": ({"params": None}, TypeError, "params"),
    "params is a list of numbers": (
        {"params": run.params._replace(b=[0.0])},
        TypeError,
        r"params.b\[0\] must be an array",
    ),
    "params has no bias": ({"params": run.params._replace(b=None)}, TypeError, "params has another structure"),
    "params has another size": (
        {"params": LSTM(hidden_size=5).init(jax.random.key(0), D)},
        ValueError,
        r"params.w_x has shape \(3, 20\), LSTM\(.* expects \(3, 16\)",
    ),
    "params has one wrong array": (
        {"params": run.params._replace(w_h=zeros(H, H))},
        ValueError,
        r"params.w_h has shape \(4, 4\), LSTM\(.* expects \(4, 16\)",
    ),
    "params has a scalar": ({"params": run.params._replace(w_x=zeros())}, ValueError, r"params.w_x has shape \(\)"),
    "params are integers": (
        {"params": jax.tree.map(lambda a: a.astype(int), run.params), "carry": None},
        TypeError,
        "carry.h is int32 .* makes it float32.* Cast params",
    ),
    "params are complex": (
        {"params": jax.tree.map(lambda a: a.astype(complex), run.params), "carry": None},
        TypeError,
        r"params.w_x is complex \(complex64\), LSTM\(.* expects real numbers",
    ),
    "one array of params is complex": (
        {"params": run.params._replace(b=run.params.b.astype(complex))},
        TypeError,
        r"params.b is complex \(complex64\), LSTM\(.* expects real numbers",
    ),
    "carry is complex": (
        {"carry": jax.tree.map(lambda a: a.astype(complex), run.carry)},
        TypeError,
        r"carry.h is complex \(complex64\), LSTM\(.* expects real numbers",
    ),
    "carry is a tuple": ({"carry": tuple(run.carry)}, TypeError, "carry holds a plain tuple where LSTM"),
    "carry is one array": ({"carry": run.carry.h}, TypeError, "carry has another structure than LSTM"),
    "carry is of another cell": (
        {"carry": RNN(hidden_size=H).initial_carry(run.params, (B,))},
        TypeError,
        "carry has another structure than LSTM.* got .*RNNCarry",
    ),
    "carry is a list": ({"carry": [0.0, 0.0]}, TypeError, r"carry\[0\] must be an array"),
    "carry has another batch": (
        {"carry": run.carry._replace(c=zeros(3, H))},
        ValueError,
        r"carry.c has shape \(3, 4\), LSTM\(.* expects \(2, 4\)",
    ),
    "carry has no batch": ({"carry": CELL.initial_carry(run.params)}, ValueError, r"carry.h has shape \(4,\)"),
    "carry has another dtype": (
        {"carry": jax.tree.map(lambda a: a.astype(jnp.float16), run.carry)},
        TypeError,
        "carry.h is float16 and a step of LSTM.* makes it float32",
    ),
    "carry is of integers": (
        {"carry": jax.tree.map(lambda a: a.astype(int), run.carry)},
        TypeError,
        "carry.h is int32 and a step of LSTM.* makes it float32",
    ),
    "params are narrower than xs": (
        {"params": jax.tree.map(lambda a: a.astype(jnp.bfloat16), run.params), "carry": None},
        TypeError,
        r"carry.h is bfloat16 .* makes it float32.* Cast params, xs \(float32\)",
    ),
    "mask has another length": (
        {"mask": zeros(5, B, dtype=bool)},
        ValueError,
        r"mask must have shape \(6, 2\).*got \(5, 2\)",
    ),
    "mask has no batch": ({"mask": zeros(T, dtype=bool)}, ValueError, r"mask must have shape \(6, 2\).*got \(6,\)"),
    "mask is of integers": ({"mask": zeros(T, B, dtype=int)}, TypeError, "mask must be boolean, got dtype int32"),
    "mask is a list": ({"mask": [True] * T}, TypeError, r"mask\[0\] must be an array, got True of type bool"),
    "resets have another batch": (
        {"resets": zeros(T, 3, dtype=bool)},
        ValueError,
        r"resets must have shape \(6, 2\).*got \(6, 3\)",
    ),
    "resets have features": ({"resets": zeros(T, B, 1, dtype=bool)}, ValueError, r"resets must have shape \(6, 2\)"),
    "resets are floats": ({"resets": zeros(T, B)}, TypeError, "resets must be boolean, got dtype float32"),
    "resets are a list": ({"resets": [True] * T}, TypeError, r"resets\[0\] must be an array"),
    "key is a number": ({"key": 0}, TypeError, "^key"),
    "key is of floats": ({"key": zeros(2)}, TypeError, "^key"),
    "key is several": ({"key": jax.random.split(jax.random.key(0))}, ValueError, "^key"),
    "reverse is text": ({"reverse": "no"}, TypeError, "reverse must be"),
    "executor is unknown": (
        {"executor": "fast"},
        ValueError,
        "executor must be one of 'auto', 'scan', 'fused', 'associative', 'newton', 'kernel', 'checkpointed', got 'fast'",
    ),
    "executor is missing": (
        {"executor": None},
        TypeError,
        "executor must be a name or an instance such as recurrax.Newton\\(\\), got None",
    ),
}


@pytest.mark.parametrize("function", [unroll, explain])
@pytest.mark.parametrize("case", ERRORS)
def test_a_wrong_argument_is_named(standard_promotion, case, function):
    changes, error, message = ERRORS[case]
    arguments = {"cell": CELL, "params": run.params, "xs": run.xs, "carry": run.carry} | changes
    with pytest.raises(error, match=message):
        function(**arguments)


def test_leaves_of_xs_that_disagree_are_named():
    xs = {"a": zeros(T, B, D), "b": zeros(T, 3)}
    with pytest.raises(ValueError, match=r"xs\['b'\] has shape \(6, 3\); .* of the first, \(6, 2\)"):
        unroll(COUNTER, Started(zeros(1)), xs)


def test_a_step_that_changes_the_shape_of_the_carry_is_named():
    cell = from_step(
        lambda params, carry, x: (carry[..., :1], x), lambda params, batch: jnp.zeros((*batch, 2)), output=the_sum
    )
    with pytest.raises(ValueError, match=r"the carry after a step has shape \(2, 1\), .* expects \(2, 2\)"):
        unroll(cell, None, zeros(T, B, D))


def test_integers_are_inputs_that_a_float_cell_takes(standard_promotion):
    identical(
        unroll(CELL, run.params, np.ones((T, B, D), int)), unroll(CELL, run.params, np.ones((T, B, D), np.float32))
    )
