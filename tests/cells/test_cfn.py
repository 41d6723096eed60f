import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.cfn import CFN
from recurrax.initializers import Chrono, Gaussian
from tests.oracles import sigmoid

VARIANTS = [CFN(hidden_size=4), CFN(hidden_size=4, forget_bias=0.0, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    """Laurent & von Brecht (2017): the gates."""
    b = np.zeros(8) if params.b is None else params.b
    size = len(carry.h)
    v_theta, v_eta, _ = np.split(params.w_x, 3, axis=1)
    u_theta, u_eta = np.split(params.w_h, 2, axis=1)
    return {
        "theta": sigmoid(carry.h @ u_theta + x @ v_theta + b[:size]),
        "eta": sigmoid(carry.h @ u_eta + x @ v_eta + b[size : 2 * size]),
    }


def oracle_step(cell, params, carry, x):
    """h_t = theta tanh(h_{t-1}) + eta tanh(W x)."""
    gates = oracle_gates(cell, params, carry, x)
    w = params.w_x[:, 2 * len(carry.h) :]
    h = gates["theta"] * np.tanh(carry.h) + gates["eta"] * np.tanh(x @ w)
    return type(carry)(h), h


def test_forget_bias_opens_the_gate_that_keeps_and_shuts_the_one_that_writes():
    b = CFN(hidden_size=3).init(jax.random.key(0), 2).b
    np.testing.assert_array_equal(b, [1, 1, 1, -1, -1, -1])
    chrono = CFN(hidden_size=3, forget_bias=Chrono(t_max=50.0)).init(jax.random.key(0), 2).b
    np.testing.assert_array_equal(chrono[:3], -chrono[3:])


def test_without_input_every_unit_falls_at_every_step_whatever_the_weights(x64):
    cell = CFN(hidden_size=32, recurrent_init=Gaussian(gain=20.0))
    params = cell.init(jax.random.key(0), 3)
    start = cell.initial_carry(params, (5,))._replace(h=jax.random.normal(jax.random.key(1), (5, 32)))
    _, ys = unroll(cell, params, jnp.zeros((200, 5, 3)), start)
    sizes = jnp.abs(jnp.concatenate([start.h[None], ys]))
    assert (sizes[1:] < sizes[:-1]).all()
    assert sizes[-1].max() < 0.2


def test_no_unit_leaves_minus_two_to_two():
    cell = CFN(hidden_size=16, input_init=Gaussian(gain=10.0))
    _, ys = unroll(cell, cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (50, 3)))
    assert jnp.abs(ys).max() < 2
