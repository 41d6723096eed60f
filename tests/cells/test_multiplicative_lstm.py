import jax
import jax.numpy as jnp
import numpy as np

from recurrax import LSTM, unroll
from recurrax.cells.lstm import LSTMParams
from recurrax.cells.multiplicative_lstm import MultiplicativeLSTM
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [
    MultiplicativeLSTM(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    MultiplicativeLSTM(hidden_size=4, forget_bias=0.0, use_bias=False),
]


def oracle_gates(cell, params, carry, x):
    """Krause et al. (2017), with biases."""
    m = (x @ params.w_mx) * (carry.h @ params.w_mh)
    b = 0 if params.b is None else params.b
    i, f, g, o = np.split(x @ params.w_x + m @ params.w_m + b, 4)
    return {"i": sigmoid(i), "f": sigmoid(f), "g": np.tanh(g), "o": sigmoid(o)}


def oracle_step(cell, params, carry, x):
    """c_t = f c_{t-1} + i g;  h_t = tanh(c_t) o."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    h = np.tanh(c) * gates["o"]
    return type(carry)(h=h, c=c), h


def test_for_one_symbol_it_is_an_lstm_with_a_recurrent_matrix_of_its_own(x64):
    cell = MultiplicativeLSTM(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    symbol = jnp.array([0.0, 1.0, 0.0])
    factored = params.w_mh @ jnp.diag(params.w_mx[1]) @ params.w_m
    xs = jnp.tile(symbol, (9, 1))
    plain = unroll(LSTM(hidden_size=4), LSTMParams(params.w_x, factored, params.b), xs)[1]
    np.testing.assert_allclose(unroll(cell, params, xs)[1], plain, rtol=1e-12)


def test_at_zero_input_no_gate_sees_the_state():
    cell = MultiplicativeLSTM(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)
    carry = cell.initial_carry(params)._replace(h=jnp.array([0.5, -0.3, 0.9]))
    gates = cell.gates(params, carry, cell.project(params, jnp.zeros(2)))
    np.testing.assert_allclose(gates.f, sigmoid(1.0), rtol=1e-6)
    np.testing.assert_allclose(gates.i, 0.5, rtol=1e-6)
