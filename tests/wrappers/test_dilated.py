import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, gradflow, unroll
from recurrax.cells.clockwork_rnn import ClockworkRNN
from recurrax.wrappers.dilated import Dilated
from recurrax.wrappers.stack import Stack
from tests.cells import cases
from tests.wrappers import inner

VARIANTS = [Dilated(LSTM(4)), Dilated(GRU(3), dilation=3), Dilated(GRU(3), dilation=1)]


def memory(old, new):
    """Of the state that a step begins from, and of that which it leaves."""
    first, last = (jax.tree.map(lambda a, n=n: a[:, n], state.past) for state, n in ((old, 0), (new, -1)))
    return cases.memory(first, last)


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, jax.tree.map(lambda a: a[0], carry.past), x)


def oracle_step(cell, params, carry, x):
    """Chang et al. (2017)."""
    new, y = inner.oracle_step(cell.cell, params, jax.tree.map(lambda a: a[0], carry.past), x)
    return type(carry)(jax.tree.map(lambda a, b: np.concatenate([a[1:], b[None]]), carry.past, new)), y


@pytest.mark.parametrize("inside", [LSTM(4), ClockworkRNN(4, periods=(1, 2))], ids=["lstm", "clockwork"])
def test_it_is_interleaved_sequences(inside):
    cell = Dilated(inside, dilation=3)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (12, 2, 2))
    _, ys = unroll(cell, params, xs)
    for n in range(3):
        np.testing.assert_allclose(ys[n::3], unroll(inside, params, xs[n::3])[1], atol=1e-6)


def test_the_gradient_reaches_k_times_as_far(x64):
    near, far = GRU(4), Dilated(GRU(4), dilation=4)
    params = near.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (10, 2))
    short = gradflow.gradient_norms(gradflow.trajectory(near, params, xs), lambda ys, carry: ys[-1].sum()).joint
    long = gradflow.gradient_norms(
        gradflow.trajectory(far, params, jnp.repeat(xs, 4, 0)), lambda ys, carry: ys[-1].sum()
    ).joint
    np.testing.assert_allclose(long[::4], short, atol=1e-9)


def test_the_stack_of_the_paper_runs():
    cell = Stack((GRU(4), Dilated(GRU(4), 2), Dilated(GRU(4), 4)))
    params = cell.init(jax.random.key(0), 2)
    assert unroll(cell, params, jnp.ones((9, 3, 2)))[1].shape == (9, 3, 4)


def test_a_bad_dilation_is_named():
    with pytest.raises(ValueError, match="dilation must be at least 1, got 0"):
        Dilated(LSTM(4), dilation=0)
