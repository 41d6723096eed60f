import jax
import jax.numpy as jnp
import numpy as np

from recurrax import RNN, unroll
from recurrax.cells.rnn import RNNParams
from recurrax.cells.ugrnn import UGRNN
from recurrax.initializers import Chrono
from tests.oracles import ACTIVATIONS, sigmoid

VARIANTS = [
    UGRNN(hidden_size=4),
    UGRNN(hidden_size=4, activation="relu", forget_bias=Chrono(t_max=20.0)),
    UGRNN(hidden_size=4, forget_bias=0.0, use_bias=False),
]


def parts(params, h, x):
    """W x + U h + b of the gate and of the candidate."""
    b = 0 if params.b is None else params.b
    return np.split(x @ params.w_x + h @ params.w_h + b, 2)


def oracle_gates(cell, params, carry, x):
    """Collins, Sohl-Dickstein & Sussillo (2017)."""
    return {"g": sigmoid(parts(params, carry.h, x)[0])}


def oracle_step(cell, params, carry, x):
    """h_t = g h_{t-1} + (1 - g) c."""
    a_g, a_c = parts(params, carry.h, x)
    g, c = sigmoid(a_g), ACTIVATIONS[cell.activation](a_c)
    h = g * carry.h + (1 - g) * c
    return type(carry)(h), h


def test_forget_bias_sets_what_is_kept_at_zero_pre_activation():
    cell = UGRNN(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)
    np.testing.assert_array_equal(params.b, [1, 1, 1, 0, 0, 0])
    kept = cell.retention(cell.gates(params, cell.initial_carry(params), cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(1.0), rtol=1e-6)


def test_with_its_gate_shut_it_is_the_simple_network(x64):
    cell = UGRNN(hidden_size=4, forget_bias=-1000.0)
    params = cell.init(jax.random.key(0), 3)
    plain = RNNParams(params.w_x[:, 4:], params.w_h[:, 4:], params.b[4:])
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    np.testing.assert_allclose(unroll(cell, params, xs)[1], unroll(RNN(hidden_size=4), plain, xs)[1], rtol=1e-12)
