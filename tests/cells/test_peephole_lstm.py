import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, unroll
from recurrax.cells.lstm import LSTMParams
from recurrax.cells.peephole_lstm import PeepholeLSTM
from tests.oracles import sigmoid

VARIANTS = [
    PeepholeLSTM(hidden_size=4),
    PeepholeLSTM(hidden_size=4, peepholes=("o",), forget_bias=0.0, use_bias=False),
]


def oracle_gates(cell, params, carry, x):
    """Greff et al. (2017), section II, for any set of peepholes."""
    b = 0 if params.b is None else params.b
    a = dict(zip("ifgo", np.split(x @ params.w_x + carry.h @ params.w_h + b, 4), strict=True))
    p = dict.fromkeys("ifo", 0) | dict(zip(cell.peepholes, params.p, strict=True))
    i, f, g = sigmoid(a["i"] + p["i"] * carry.c), sigmoid(a["f"] + p["f"] * carry.c), np.tanh(a["g"])
    return {"i": i, "f": f, "g": g, "o": sigmoid(a["o"] + p["o"] * (g * i + carry.c * f))}


def oracle_step(cell, params, carry, x):
    """c_t = g i + c_{t-1} f;  h_t = tanh(c_t) o."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["g"] * gates["i"] + carry.c * gates["f"]
    h = np.tanh(c) * gates["o"]
    return type(carry)(h=h, c=c), h


def test_without_peepholes_it_is_the_lstm():
    cell = PeepholeLSTM(hidden_size=4, peepholes=())
    params = cell.init(jax.random.key(0), 3)
    assert params.p.shape == (0, 4)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    plain = unroll(LSTM(hidden_size=4), LSTMParams(params.w_x, params.w_h, params.b), xs)
    jax.tree.map(np.testing.assert_array_equal, unroll(cell, params, xs), plain)


def test_the_output_gate_sees_the_new_cell_state_and_the_others_the_old_one(x64):
    cell = PeepholeLSTM(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))._replace(p=jnp.ones((3, 1)))
    carry = cell.initial_carry(params)._replace(c=jnp.array([2.0]))
    gates = cell.gates(params, carry, cell.project(params, jnp.zeros(1)))
    np.testing.assert_allclose([gates.i, gates.f], sigmoid(2.0), rtol=1e-12)
    np.testing.assert_allclose(gates.o, sigmoid(2 * sigmoid(2.0)), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"peepholes": ("i", "i")}, ValueError, r"peepholes must be .* at most once, got \('i', 'i'\)"),
        ({"peepholes": "ifo"}, ValueError, "peepholes must be a tuple of gates, .* got 'ifo'"),
        ({"peepholes": ("g",)}, ValueError, "peepholes must be one of 'i', 'f', 'o', got 'g'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        PeepholeLSTM(hidden_size=4, **arguments)
