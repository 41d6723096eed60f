"""Where a run starts, where it starts anew, and what its steps are given to draw from."""

import dataclasses
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import Cell, from_step, unroll
from tests.test_unroll import CELL, B, T, draw, identical


class Started(NamedTuple):
    start: jax.Array


def running_sum(params, total, x):
    return total + x, total + x


def learned_start(params, batch):
    return jnp.broadcast_to(params.start, (*batch, 1))


def the_sum(params, total):
    return total


COUNTER = from_step(running_sum, learned_start, output=the_sum)


@pytest.mark.parametrize(
    ("reverse", "expected"),
    [(False, [1001, 1002, 11, 12, 13]), (True, [13, 12, 11, 1002, 1001])],
)
def test_a_reset_restores_the_cells_initial_carry_and_not_the_one_passed_in(reverse, expected):
    resets = np.array([False, False, True, False, False])
    params, carry = Started(jnp.array([10.0])), jnp.array([1000.0])
    final, ys = unroll(COUNTER, params, jnp.ones((5, 1)), carry, resets=resets, reverse=reverse)
    np.testing.assert_array_equal(ys[:, 0], expected)
    assert final == 13


def test_the_initial_carry_is_the_default_start():
    _, ys = unroll(COUNTER, Started(jnp.array([10.0])), jnp.ones((3, 1)))
    np.testing.assert_array_equal(ys[:, 0], [11, 12, 13])


def test_no_gradient_passes_a_reset_but_what_it_restores_gets_its_own():
    resets = np.array([False, False, True, False])

    def last(params, carry, xs):
        return unroll(COUNTER, params, xs, carry, resets=resets)[0][0]

    arguments = Started(jnp.array([10.0])), jnp.array([1000.0]), jnp.ones((4, 1))
    to_params, to_carry, to_xs = jax.grad(last, argnums=(0, 1, 2))(*arguments)
    np.testing.assert_array_equal(to_params.start, [1])
    np.testing.assert_array_equal(to_carry, [0])
    np.testing.assert_array_equal(to_xs[:, 0], [0, 0, 1, 1])


def test_a_reset_clears_a_carry_that_is_not_finite():
    run = draw()
    broken = jax.tree.map(lambda a: jnp.full_like(a, jnp.nan), run.carry)
    resets = np.zeros((T, B), bool)
    resets[0] = True

    def total(params, carry):
        _, ys = unroll(CELL, params, run.xs, carry, resets=resets)
        return ys.sum(), ys

    gradient, ys = jax.grad(total, has_aux=True)(run.params, broken)
    identical((gradient, ys), jax.grad(total, has_aux=True)(run.params, run.carry))


# ---- randomness -----------------------------------------------------------------------------------------------------


class Level(NamedTuple):
    w: jax.Array


class NoisyWeights(NamedTuple):
    w: jax.Array
    shared: jax.Array


class NoisyCarry(NamedTuple):
    h: jax.Array


@dataclasses.dataclass(frozen=True)
class Noisy(Cell):
    """Emits x_t plus fresh noise plus noise shared by the whole run."""

    def init(self, key, input_size):
        return Level(jnp.ones(()))

    def prepare(self, params, *, key=None, batch_shape=()):
        shared = jnp.zeros(batch_shape) if key is None else jax.random.normal(key, batch_shape)
        return NoisyWeights(params.w, shared)

    def initial_carry(self, weights, batch_shape=()):
        return NoisyCarry(jnp.zeros((*batch_shape, 1)))

    def project(self, weights, x, key=None):
        return x if key is None else x + jax.random.normal(key, x.shape)

    def step(self, weights, carry, z, dot=None):
        return NoisyCarry(z + weights.shared[..., None])


def test_step_t_gets_the_key_folded_with_t_in_either_direction():
    key, zeros = jax.random.key(5), jnp.zeros((4, 2, 1))
    expected = jnp.stack([jax.random.normal(jax.random.fold_in(key, t), (2, 1)) for t in range(4)])
    for reverse in (False, True):
        _, ys = unroll(Noisy(), Level(jnp.ones(())), zeros, key=key, reverse=reverse)
        fresh = ys - ys[:1] + expected[:1]
        np.testing.assert_allclose(fresh, expected, atol=1e-6)


def test_prepare_gets_a_key_of_its_own_and_the_batch_shape():
    key, zeros = jax.random.key(5), jnp.zeros((4, 2, 1))
    _, ys = unroll(Noisy(), Level(jnp.ones(())), zeros, key=key)
    shared = ys[0, :, 0] - jax.random.normal(jax.random.fold_in(key, 0), (2, 1))[:, 0]
    assert shared[0] != shared[1]
    for t in range(4):
        assert not np.allclose(shared, jax.random.normal(jax.random.fold_in(key, t), (2,)))


def test_without_a_key_a_noisy_cell_is_deterministic():
    _, ys = unroll(Noisy(), Level(jnp.ones(())), jnp.ones((4, 2, 1)))
    assert (ys == 1).all()


def test_a_key_works_with_no_step_and_in_the_old_style():
    assert unroll(Noisy(), Level(jnp.ones(())), jnp.ones((0, 2, 1)), key=jax.random.key(0))[1].shape == (0, 2, 1)
    old, new = (
        unroll(Noisy(), Level(jnp.ones(())), jnp.ones((3, 1)), key=k(0)) for k in (jax.random.PRNGKey, jax.random.key)
    )
    identical(old, new)


def test_running_an_equal_cell_again_does_not_trace_again():
    traced = []

    def step(params, total, x):
        traced.append(x)
        return total + x, total + x

    cell = from_step(step, learned_start, output=the_sum)
    params = Started(jnp.zeros(1))
    unroll(cell, params, jnp.ones((3, 1)))
    count = len(traced)
    unroll(dataclasses.replace(cell), params, jnp.zeros((3, 1)))
    assert len(traced) == count > 0


def test_inputs_may_be_a_pytree():
    def step(params, total, x):
        total = params.start * total + x["value"] * x["weight"][..., None]
        return total, total

    cell = from_step(step, learned_start, output=the_sum)
    xs = {"value": jnp.ones((3, 2, 1)), "weight": jnp.arange(6.0).reshape(3, 2)}
    _, ys = unroll(cell, Started(jnp.ones(1)), xs, mask=np.array([[True, True], [False, True], [True, True]]))
    np.testing.assert_array_equal(ys[..., 0], [[1, 2], [0, 5], [5, 10]])
