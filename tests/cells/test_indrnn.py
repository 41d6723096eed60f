import jax
import jax.numpy as jnp
import numpy as np

from recurrax import gradflow, unroll
from recurrax.cells.indrnn import IndRNN
from recurrax.initializers import Constant, Uniform, Zeros
from tests import oracles

VARIANTS = [
    IndRNN(hidden_size=4, activation="tanh"),
    IndRNN(hidden_size=4, activation="softplus", use_bias=False, recurrent_init=Uniform(-1.0, 1.0)),
]


def oracle_step(cell, params, carry, x):
    """Li et al. (2018): h_t = phi(W x_t + u * h_{t-1} + b)."""
    b = 0 if params.b is None else params.b
    h = oracles.ACTIVATIONS[cell.activation](x @ params.w_x + params.u * carry.h + b)
    return type(carry)(h), h


def test_the_default_is_the_papers_relu_with_recurrent_weights_between_zero_and_one():
    cell = IndRNN(hidden_size=1000)
    u = np.asarray(cell.init(jax.random.key(0), 2).u)
    assert cell.activation == "relu" and 0 <= u.min() < 0.01 and 0.99 < u.max() <= 1


def test_the_gradient_over_distance_k_is_u_to_the_k(x64):
    cell = IndRNN(hidden_size=1, recurrent_init=Constant(1.1), input_init=Zeros(), bias_init=Constant(0.5))
    params = cell.init(jax.random.key(0), 1)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.zeros((500, 1))), lambda ys, carry: carry.h[0]
    )
    np.testing.assert_allclose(norms.joint[::-1], np.log(1.1) * np.arange(501), rtol=1e-12, atol=1e-12)


def test_a_unit_sees_its_own_state_only():
    cell = IndRNN(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)._replace(w_x=jnp.zeros((2, 3)))
    start = cell.initial_carry(params)._replace(h=jnp.array([0.0, 1.0, 0.0]))
    _, ys = unroll(cell, params, jnp.zeros((4, 2)), start)
    assert not ys[:, [0, 2]].any() and (ys[:, 1] > 0).all()
