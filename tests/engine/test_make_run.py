import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM
from recurrax.engine.make_run import make_run

CELL = LSTM(hidden_size=3)
PARAMS = CELL.init(jax.random.key(0), 2)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([[1, 0], [0, 1], [1, 1]], [[1, 4], [1, 4], [5, 6]]),
        ([[0, 0], [0, 0], [0, 1]], [[6, 6], [6, 6], [6, 6]]),
        ([[0, 0], [0, 0], [0, 0]], [[1, 1], [1, 1], [1, 1]]),
    ],
)
def test_under_the_mask_stands_the_first_input_that_exists(mask, expected):
    mask = jnp.array(mask, bool)
    xs = jnp.where(mask[..., None], jnp.arange(1.0, 7).reshape(3, 2, 1), jnp.nan) * jnp.ones((1, 1, 2))
    run = make_run(CELL, PARAMS, xs, mask=mask)
    np.testing.assert_array_equal(run.inputs.x, np.repeat(np.array(expected)[..., None], 2, -1))


def test_a_run_has_no_reset_under_the_mask_and_a_key_for_every_step():
    mask = jnp.array([[True, False], [False, True], [True, True]])
    xs, key = jnp.full((3, 2, 2), 7.0), jax.random.key(3)
    run = make_run(CELL, PARAMS, xs, mask=mask, resets=jnp.ones((3, 2), bool), key=key)
    np.testing.assert_array_equal(run.inputs.reset, mask)
    for t in range(3):
        assert run.inputs.key[t] == jax.random.fold_in(key, t)


@pytest.mark.parametrize("length", [0, 1])
def test_a_run_of_hardly_any_step_is_checked_like_any_other(standard_promotion, length):
    xs = jnp.ones((length, 2, 2))
    assert make_run(CELL, PARAMS, xs, key=jax.random.key(0)).inputs.key.shape == (length,)
    with pytest.raises(TypeError, match=r"carry\.h is float16"):
        make_run(CELL, PARAMS, xs, jax.tree.map(lambda a: a.astype(jnp.float16), CELL.initial_carry(PARAMS, (2,))))


def test_a_run_begins_at_any_step():
    key, xs = jax.random.key(3), jnp.ones((5, 2, 2))
    whole = make_run(CELL, PARAMS, xs, key=key).inputs.key
    for first_step in (2, jnp.array(2)):
        rest = make_run(CELL, PARAMS, xs[2:], key=key, first_step=first_step).inputs.key
        np.testing.assert_array_equal(jax.random.key_data(rest), jax.random.key_data(whole[2:]))


def test_a_step_that_returns_carry_and_output_is_named():
    class Carry(NamedTuple):
        h: jax.Array

    @dataclasses.dataclass(frozen=True)
    class Pairs(LSTM):
        def initial_carry(self, weights, batch_shape=()):
            return Carry(jnp.zeros((*batch_shape, self.hidden_size)))

        def step(self, weights, carry, z, dot=None):
            return carry, carry.h

    cell = Pairs(2)
    with pytest.raises(TypeError, match=r"step of .*Pairs\(.* must return the new carry alone, got a pair .*from_step"):
        make_run(cell, cell.init(jax.random.key(0), 3), jnp.ones((4, 3)))
