import jax
import jax.numpy as jnp
import numpy as np

from recurrax import GRU, LSTM, unroll
from recurrax.cells.clockwork_rnn import ClockworkRNN
from recurrax.cells.lru import LRU
from recurrax.wrappers.learned_carry import LearnedCarry
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.zoneout import Zoneout
from tests.wrappers import inner

VARIANTS = [LearnedCarry(LSTM(4)), LearnedCarry(GRU(3)), LearnedCarry(LRU(3))]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params.inner, carry, x)


def oracle_step(cell, params, carry, x):
    """A step is that of the cell; only the start differs."""
    return inner.oracle_step(cell.cell, params.inner, carry, x)


def test_a_run_begins_and_a_reset_ends_at_the_learned_state():
    cell = LearnedCarry(LSTM(4))
    params = cell.init(jax.random.key(0), 3)
    assert not any(a.any() for a in params.start)
    params = params._replace(start=(jnp.full(4, 0.5), jnp.full(4, -1.0)))
    carry, _ = unroll(cell, params, jnp.zeros((0, 2, 3)))
    np.testing.assert_array_equal(carry.h, np.full((2, 4), 0.5))
    np.testing.assert_array_equal(carry.c, np.full((2, 4), -1.0))
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    _, ys = unroll(cell, params, xs, resets=jnp.arange(6) == 3)
    np.testing.assert_allclose(ys[3:], unroll(cell, params, xs[3:])[1], atol=1e-6)


def test_gradients_of_every_start_and_reset_add_up(x64):
    cell = LearnedCarry(GRU(3))
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (6, 2, 2))
    resets = jnp.zeros((6, 2), bool).at[3, 0].set(True)

    def loss(start, xs, resets=None):
        return unroll(cell, params._replace(start=(start,)), xs, resets=resets)[1].sum()

    @jax.jit
    def gradients(start):
        parts = (xs[:3, :1], xs[3:, :1], xs[:, 1:])
        return jax.grad(loss)(start, xs, resets), sum(jax.grad(loss)(start, part) for part in parts)

    whole, parts = gradients(params.start[0])
    np.testing.assert_allclose(whole, parts, rtol=1e-12)


def test_integers_and_nests_are_no_obstacle():
    cell = Stack((LearnedCarry(Zoneout(GRU(3))), LearnedCarry(ClockworkRNN(4, periods=(1, 2)))))
    params = cell.init(jax.random.key(0), 2)
    assert len(params[1].start) == 1  # the counter is none
    carry, ys = unroll(cell, params, jnp.ones((5, 2, 2)), key=jax.random.key(1))
    assert ys.shape == (5, 2, 4) and (carry[1].steps == 5).all()
