import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, unroll
from recurrax.cells.lru import LRU
from recurrax.initializers import OrthogonalPerGate
from recurrax.wrappers.batch_norm import BatchNorm

VARIANTS = [BatchNorm(RNN(4), steps=3), BatchNorm(LSTM(3), gain=0.5, steps=2, epsilon=1e-3)]


def normalized(cell, a, gains, statistics, t):
    """Cooijmans et al. (2017), with the statistics of a population."""
    n = min(max(int(t), 0), cell.steps - 1)
    gain = np.concatenate([np.atleast_1d(g) for g in gains])
    mean = np.concatenate([s.mean[n] for s in statistics])
    variance = np.concatenate([s.variance[n] for s in statistics])
    return gain * (a - mean) / np.sqrt(variance + cell.epsilon)


def pre_activation(cell, params, carry, x):
    inner = params.inner
    from_state = normalized(cell, carry.inner.h @ inner.w_h, params.gain_h, params.statistics_h, carry.t)
    from_input = normalized(cell, x @ inner.w_x + inner.b, params.gain_x, params.statistics_x, carry.t)
    return from_state + from_input + inner.b


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def oracle_gates(cell, params, carry, x):
    if isinstance(cell.cell, RNN):
        return {}
    i, f, g, o = np.split(pre_activation(cell, params, carry, x), 4)
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def oracle_step(cell, params, carry, x):
    if isinstance(cell.cell, RNN):
        new = carry.inner._replace(h=np.tanh(pre_activation(cell, params, carry, x)))
    else:
        gates = oracle_gates(cell, params, carry, x)
        c = gates["f"] * carry.inner.c + gates["i"] * gates["g"]
        new = carry.inner._replace(h=gates["o"] * np.tanh(c), c=c)
    return carry._replace(inner=new, t=carry.t + 1), new.h


CELL = BatchNorm(RNN(16, recurrent_init=OrthogonalPerGate()), gain=0.7, steps=9)


@pytest.fixture
def run():
    xs = jax.random.normal(jax.random.key(1), (9, 40, 3)) + 2
    return CELL.init(jax.random.key(0), 3), xs


def test_in_training_statistics_are_those_of_the_batch_at_the_step(x64, run):
    params, xs = run
    _, ys = unroll(CELL, params, xs, key=jax.random.key(2))
    params, xs = jax.tree.map(np.asarray, run)

    def norm(a):
        return 0.7 * (a - a.mean(0)) / np.sqrt(a.var(0) + CELL.epsilon)

    h = np.zeros((40, 16))
    for x, y in zip(xs, ys, strict=True):
        h = np.tanh(norm(h @ params.inner.w_h) + norm(x @ params.inner.w_x) + params.inner.b)
        np.testing.assert_allclose(y, h, rtol=1e-9)


@pytest.mark.parametrize("executor", ["fused", "auto"])
def test_executors_agree_in_training(run, executor):
    params, xs = run

    def gradient(executor):
        return jax.grad(lambda p: jnp.sum(unroll(CELL, p, xs, key=jax.random.key(2), executor=executor)[1] ** 2))(
            params
        )

    for a, b in zip(*(jax.tree.leaves(gradient(name)) for name in (executor, "scan")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_with_stored_statistics_a_run_is_the_one_that_they_were_taken_from(run):
    params, xs = run
    settled = CELL.with_statistics(params, xs, key=jax.random.key(2))
    trained = unroll(CELL, params, xs, key=jax.random.key(2))[1]
    np.testing.assert_allclose(unroll(CELL, settled, xs)[1], trained, rtol=1e-4, atol=1e-5)
    # Examples are then independent of each other.
    np.testing.assert_allclose(unroll(CELL, settled, xs[:, :3])[1], trained[:, :3], rtol=1e-4, atol=1e-5)


def test_statistics_are_kept_step_by_step_and_the_last_ones_go_on(run):
    params, xs = run
    settled = CELL.with_statistics(params, xs[:4], key=jax.random.key(2))
    (of_state,) = settled.statistics_h
    assert not np.allclose(of_state.variance[0], of_state.variance[1])
    np.testing.assert_array_equal(of_state.variance[4:], np.broadcast_to(of_state.variance[3], (5, 16)))
    np.testing.assert_allclose(settled.statistics_x[0].mean[0], (xs[0] @ params.inner.w_x).mean(0), rtol=1e-4)


def test_in_training_no_gradient_goes_to_the_statistics(run):
    params, xs = run
    gradient = jax.grad(lambda p: jnp.sum(unroll(CELL, p, xs, key=jax.random.key(2))[1] ** 2))(params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((gradient.statistics_x, gradient.statistics_h)))
    assert all(np.any(leaf) for leaf in jax.tree.leaves((gradient.gain_x, gradient.gain_h, gradient.inner.w_h)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNorm(RNN(3), steps=0), "steps must be"),
        (lambda: BatchNorm(RNN(3), epsilon=-1.0), "epsilon must be"),
        (lambda: BatchNorm(LRU(3)).init(jax.random.key(0), 2), "cell must have real products"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
