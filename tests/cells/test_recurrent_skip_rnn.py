import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import RNN, gradflow, unroll
from recurrax.cells.recurrent_skip_rnn import RecurrentSkipRNN
from recurrax.cells.rnn import RNNParams

VARIANTS = [RecurrentSkipRNN(hidden_size=4, skip=3), RecurrentSkipRNN(hidden_size=3, skip=2, use_bias=False)]


def oracle_step(cell, params, carry, x):
    """Zhang et al. (2016), section 3."""
    b = 0 if params.b is None else params.b
    h = np.tanh(x @ params.w_x + carry.past[-1] @ params.w_h + carry.past[0] @ params.w_skip + b)
    return type(carry)(np.concatenate([carry.past[1:], h[None]])), h


def test_without_the_shortcut_it_is_the_plain_network():
    cell = RecurrentSkipRNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    params = params._replace(w_skip=jnp.zeros((4, 4)))
    xs = jax.random.normal(jax.random.key(1), (20, 2, 3))
    _, plain = unroll(RNN(4), RNNParams(params.w_x, params.w_h, params.b), xs)
    np.testing.assert_allclose(unroll(cell, params, xs)[1], plain, atol=1e-6)


def test_the_gradient_takes_the_shortcut(x64):
    """With U = 0 and V half the identity, linear: 2^-(k / s) at multiples of s, nothing elsewhere."""
    cell = RecurrentSkipRNN(hidden_size=2, skip=4, activation="identity")
    params = cell.init(jax.random.key(0), 1)
    params = params._replace(w_h=jnp.zeros((2, 2)), w_skip=0.5 * jnp.eye(2))
    xs = jnp.ones((40, 1))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1, 0])
    np.testing.assert_allclose(norms.joint[::-1], -np.ceil(np.arange(41) / 4) * np.log(2), atol=1e-12)


@pytest.mark.parametrize("skip", [0, 1])
def test_a_bad_hyper_parameter_is_named(skip):
    with pytest.raises(ValueError, match=f"skip must be at least ., got {skip}"):
        RecurrentSkipRNN(hidden_size=4, skip=skip)
