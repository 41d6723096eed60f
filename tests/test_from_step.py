from typing import NamedTuple

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, Cell, from_step, unroll


class Decay(NamedTuple):
    rate: jax.Array


def leaky_sum(params, h, x):
    h = params.rate * h + x
    return h, h


def no_memory(params, h, x):
    """Its output is no function of the new carry alone."""
    return params.rate * h + x, h - x


def zeros(params, batch):
    return jnp.zeros((*batch, 1))


def state(params, h):
    return h


def draw_rate(key, input_size):
    return Decay(jax.random.uniform(key, (input_size,)))


LEAKY = from_step(leaky_sum, zeros, output=state)
EXAMPLE = jax.ShapeDtypeStruct((1,), jnp.float32)
PARAMS = Decay(jnp.array(0.5))

FLAX_LSTM = flax.linen.LSTMCell(4)


def flax_step(params, carry, x):
    return FLAX_LSTM.apply({"params": params}, carry, x)


def flax_start(params, batch):
    return FLAX_LSTM.initialize_carry(jax.random.key(0), (*batch, 3))


def flax_output(params, carry):
    return carry[1]


def flax_init(key, input_size):
    x = jnp.zeros(input_size)
    return FLAX_LSTM.init(key, FLAX_LSTM.initialize_carry(key, x.shape), x)["params"]


def test_a_step_function_runs_as_a_cell():
    carry, ys = unroll(LEAKY, PARAMS, jnp.ones((4, 2, 1)))
    np.testing.assert_array_equal(ys[:, 1, 0], [1, 1.5, 1.75, 1.875])
    np.testing.assert_array_equal(carry, ys[-1])


def test_masks_and_resets_hold_for_a_step_function():
    mask, resets = np.array([True, True, False, True]), np.array([False, True, True, False])
    xs = jnp.array([[1.0], [2.0], [jnp.nan], [4.0]])
    carry, ys = unroll(LEAKY, PARAMS, xs, jnp.array([16.0]), mask=mask, resets=resets)
    np.testing.assert_array_equal(ys[:, 0], [9, 2, 0, 5])
    np.testing.assert_array_equal(carry, [5])


def test_an_output_that_is_not_told_by_the_carry_travels_with_it():
    cell = from_step(no_memory, zeros, example=EXAMPLE)
    carry, ys = unroll(cell, PARAMS, jnp.array([[1.0], [2.0], [3.0]]))
    np.testing.assert_array_equal(ys[:, 0], [0 - 1, 1 - 2, 2.5 - 3])
    np.testing.assert_array_equal((carry.carry, carry.y), ([4.25], [-0.5]))


def test_the_state_with_and_without_its_output_runs_alike():
    xs = jax.random.normal(jax.random.key(0), (5, 2, 1))
    mask, resets = np.arange(10).reshape(5, 2) % 3 > 0, np.arange(10).reshape(5, 2) % 4 == 0
    runs = [
        unroll(cell, PARAMS, xs, mask=mask, resets=resets)
        for cell in (LEAKY, from_step(leaky_sum, zeros, example=EXAMPLE))
    ]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    np.testing.assert_array_equal(runs[0][0], runs[1][0].carry)


def test_an_example_may_be_an_array_or_a_pytree():
    def step(params, h, x):
        h = params.rate * h + x["a"] + x["b"][..., None]
        return h, -h

    cell = from_step(step, zeros, example={"a": jnp.zeros(1), "b": np.zeros((), np.float32)})
    _, ys = unroll(cell, PARAMS, {"a": jnp.ones((3, 2, 1)), "b": jnp.ones((3, 2))})
    np.testing.assert_array_equal(ys[:, 0, 0], [-2, -3, -3.5])


def test_cells_of_the_same_functions_are_equal_and_others_are_not():
    assert from_step(leaky_sum, zeros, output=state) == LEAKY
    assert hash(LEAKY) == hash(from_step(leaky_sum, zeros, output=state))
    assert from_step(no_memory, zeros, output=state) != LEAKY
    with_example = from_step(leaky_sum, zeros, example=EXAMPLE)
    assert with_example == from_step(leaky_sum, zeros, example=np.ones(1, np.float32)) != LEAKY
    assert isinstance(LEAKY, Cell) and jax.tree.leaves(LEAKY) == []


def test_a_cell_draws_its_parameters_if_it_was_told_how():
    cell = from_step(leaky_sum, zeros, output=state, init=draw_rate)
    assert cell.init(jax.random.key(0), 3).rate.shape == (3,)
    with pytest.raises(ValueError, match=r"init was not given to from_step.*from_step\(\.\.\., init="):
        LEAKY.init(jax.random.key(0), 3)


def test_scalar_inputs_need_no_feature_axis():
    cell = from_step(leaky_sum, lambda params, batch: jnp.zeros(batch), output=state, input_ndim=0)
    _, ys = unroll(cell, PARAMS, jnp.ones((3, 2)))
    np.testing.assert_array_equal(ys, [[1, 1], [1.5, 1.5], [1.75, 1.75]])


def test_a_flax_cell_becomes_a_cell_and_equals_ours_with_its_weights():
    cell = from_step(flax_step, flax_start, output=flax_output, init=flax_init)
    params = cell.init(jax.random.key(0), 3)
    ours = LSTM(hidden_size=4)
    mine = ours.init(jax.random.key(0), 3)._replace(
        w_x=jnp.concatenate([params[f"i{gate}"]["kernel"] for gate in "ifgo"], axis=1),
        w_h=jnp.concatenate([params[f"h{gate}"]["kernel"] for gate in "ifgo"], axis=1),
        b=jnp.concatenate([params[f"h{gate}"]["bias"] for gate in "ifgo"]),
    )
    xs = jax.random.normal(jax.random.key(1), (7, 2, 3))
    mask, resets = np.arange(14).reshape(7, 2) % 4 > 0, np.arange(14).reshape(7, 2) % 5 == 4
    (c, h), ys = unroll(cell, params, xs, mask=mask, resets=resets)
    carry, expected = unroll(ours, mine, xs, mask=mask, resets=resets)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    np.testing.assert_allclose(c, carry.c, atol=1e-6)
    np.testing.assert_allclose(h, carry.h, atol=1e-6)


def state_alone(params, h, x):
    return params.rate * h + x


def a_number(params, batch):
    return 0.0


@pytest.mark.parametrize("rest", [{"output": state}, {"example": EXAMPLE}])
def test_what_the_functions_return_wrongly_is_named(rest):
    with pytest.raises(TypeError, match=r"step must return a pair, \(carry, y\), got"):
        unroll(from_step(state_alone, zeros, **rest), PARAMS, jnp.ones((3, 2, 1)))
    with pytest.raises(TypeError, match="initial_carry must be an array, got 0.0 of type float"):
        unroll(from_step(leaky_sum, a_number, **rest), PARAMS, jnp.ones((3, 2, 1)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"step": 1}, TypeError, "step must be a function, got 1"),
        ({"initial_carry": None}, TypeError, "initial_carry must be a function, got None"),
        ({"output": None}, ValueError, "output or example must be given"),
        ({"output": 3}, TypeError, "output must be a function, got 3"),
        ({"init": "zeros"}, TypeError, "init must be a function, got 'zeros'"),
        ({"output": None, "example": [1.0]}, TypeError, r"example\[0\] must be an array, got 1.0"),
        ({"input_ndim": -1}, ValueError, "input_ndim must be"),
        ({"input_ndim": "one"}, TypeError, "input_ndim must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        from_step(**({"step": leaky_sum, "initial_carry": zeros, "output": state} | arguments))
