import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, gradflow, unroll
from recurrax.cells.cornn import CoRNN
from recurrax.wrappers.attention import Attention
from tests.wrappers import inner

VARIANTS = [Attention(LSTM(4), window=3), Attention(GRU(3), window=5, size=2)]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params.inner, carry.inner, x)


def oracle_step(cell, params, carry, x):
    """Kerg et al. (2020), over what there is of the past."""
    new, _ = inner.oracle_step(cell.cell, params.inner, carry.inner, x)
    there = carry.past[cell.window - carry.count :]
    context = 0
    if len(there):
        e = np.exp([(np.tanh(carry.inner.h @ params.w_s + h @ params.w_h) @ params.v)[0] for h in there])
        context = (e / e.sum()) @ there
    s = new.h + context
    past = np.concatenate([carry.past[1:], new.h[None]])
    count = min(carry.count + 1, cell.window)
    return type(carry)(new._replace(h=s), past, np.int32(count)), s


def test_equal_scores_give_the_mean_of_what_there_is():
    cell = Attention(GRU(3), window=4)
    params = cell.init(jax.random.key(0), 2)
    params = params._replace(v=jnp.zeros_like(params.v))
    xs = jax.random.normal(jax.random.key(1), (7, 2))
    carry, ys = unroll(cell, params, xs)
    before, _ = unroll(cell, params, xs[:6])
    np.testing.assert_allclose(ys[-1], carry.past[-1] + before.past.mean(0), atol=1e-6)
    first, _ = unroll(cell, params, xs[:1])
    np.testing.assert_allclose(first.inner.h, first.past[-1])


def test_the_gradient_takes_the_shortcut():
    """Where a GRU alone forgets all in a step, attention still finds the states of the last K."""
    cell = Attention(GRU(3, forget_bias=-30.0), window=20)
    params = cell.init(jax.random.key(0), 2)
    params = params._replace(inner=params.inner._replace(w_h=jnp.zeros_like(params.inner.w_h)))
    xs = jax.random.normal(jax.random.key(1), (20, 2))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    plain = gradflow.gradient_norms(gradflow.trajectory(cell.cell, params.inner, xs), lambda ys, carry: ys[-1].sum())
    assert norms.joint[1] > -10 and plain.joint[1] < -100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"window": 0}, "window must be at least 1, got 0"), ({"size": 0}, "size must be at least 1, got 0")],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Attention(LSTM(4), **arguments)


def test_a_cell_without_h_is_named():
    with pytest.raises(ValueError, match="cell must have a state with a real field h"):
        Attention(CoRNN(4)).init(jax.random.key(0), 3)
