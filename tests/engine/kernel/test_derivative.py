"""Derivatives of the states by the two loops, against JAX's derivatives of the forward loop alone."""

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM
from recurrax.engine.kernel.derivative import states
from recurrax.engine.kernel.reference import Reference
from tests.engine.comparison import assert_close
from tests.engine.kernel.problems import problem


@pytest.fixture(params=[LSTM(3), GRU(3)], ids=lambda cell: type(cell).__name__)
def pair(request, x64):
    """A loss by the two loops, the same by JAX's derivative of one loop, a point, and a direction."""
    step, _, _, given = problem(request.param, Reference(examples=2, units=2))

    def loss(run):
        return lambda given: sum(jnp.sum(jnp.sin(s) * jnp.cos(jnp.arange(s.size)).reshape(s.shape)) for s in run(given))

    direction = jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), given)
    by_loops = loss(lambda given: states(Reference(), step, given))
    return by_loops, loss(lambda given: Reference().forward(step, given)), given, direction


def test_forward_mode(pair):
    by_loops, by_jax, given, direction = pair
    assert_close(jax.jvp(by_loops, (given,), (direction,)), jax.jvp(by_jax, (given,), (direction,)), "jvp")


def test_reverse_mode_of_all_arguments(pair):
    by_loops, by_jax, given, _ = pair
    assert_close(jax.grad(by_loops)(given), jax.grad(by_jax)(given), "grad")


def test_second_order(pair):
    by_loops, by_jax, given, direction = pair
    got, expected = (jax.jvp(jax.grad(f), (given,), (direction,))[1] for f in (by_loops, by_jax))
    assert_close(got, expected, "forward over reverse")


def test_vmap_folds_models_into_groups(pair):
    by_loops, by_jax, given, direction = pair
    both = jax.tree.map(lambda a, b: jnp.stack([a, a + 0.1 * b]), given, direction)
    assert_close(jax.vmap(jax.grad(by_loops))(both), jax.vmap(jax.grad(by_jax))(both), "vmap")
