"""The LSTM, and what gated cells share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, unroll
from recurrax.initializers import Chrono, Constant, OrthogonalFused, OrthogonalPerGate, Zeros
from tests.oracles import sigmoid

VARIANTS = [
    LSTM(hidden_size=4),
    LSTM(hidden_size=4, forget_bias=0.0, use_bias=False, recurrent_init=OrthogonalFused(gain=2.0)),
]


def gate(params, name, h, x):
    """W x_t + U h_{t-1} + b of one gate, from the columns that are documented to be its own."""
    k = "ifgo".index(name)
    size = len(h)
    columns = slice(k * size, (k + 1) * size)
    b = 0 if params.b is None else params.b[columns]
    return params.w_x[:, columns].T @ x + params.w_h[:, columns].T @ h + b


def oracle_gates(cell, params, carry, x):
    """Gers, Schmidhuber & Cummins (2000), without peepholes."""
    a = {name: gate(params, name, carry.h, x) for name in "ifgo"}
    return {"i": sigmoid(a["i"]), "f": sigmoid(a["f"]), "g": np.tanh(a["g"]), "o": sigmoid(a["o"])}


def oracle_step(cell, params, carry, x):
    """c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)."""
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    h = gates["o"] * np.tanh(c)
    return type(carry)(h=h, c=c), h


def test_initial_state_is_zero():
    cell = LSTM(hidden_size=4)
    carry = cell.initial_carry(cell.init(jax.random.key(0), 3), (2,))
    assert not carry.h.any() and not carry.c.any()


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, -2.5])
def test_forget_bias_is_stored_in_the_bias_of_the_forget_gate_alone(forget_bias):
    params = LSTM(hidden_size=3, forget_bias=forget_bias).init(jax.random.key(0), 2)
    expected = np.zeros((4, 3))
    expected[1] = forget_bias
    np.testing.assert_array_equal(params.b.reshape(4, 3), expected)


def test_forget_bias_comes_on_top_of_the_drawn_bias():
    params = LSTM(hidden_size=3, forget_bias=1.0, bias_init=Constant(0.25)).init(jax.random.key(0), 2)
    np.testing.assert_array_equal(params.b.reshape(4, 3)[:, 0], [0.25, 1.25, 0.25, 0.25])


def test_forget_bias_is_never_added_in_the_step():
    params = LSTM(hidden_size=4).init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    runs = [unroll(LSTM(hidden_size=4, forget_bias=b), params, xs)[1] for b in (0.0, 1.0, 5.0)]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


@pytest.mark.parametrize("b_f", [0.0, 1.0, 3.0])
def test_a_cell_state_decays_with_the_forget_gate_alone(x64, b_f):
    cell = LSTM(hidden_size=2, forget_bias=b_f, input_init=Zeros(), recurrent_init=Zeros())
    params = cell.init(jax.random.key(0), 1)
    start = cell.initial_carry(params)._replace(c=jnp.array([1.0, -2.0]))
    carry, _ = unroll(cell, params, jnp.zeros((20, 1)), start)
    np.testing.assert_allclose(carry.c, sigmoid(b_f) ** 20 * np.array([1.0, -2.0]), rtol=1e-12)


def test_chrono_spreads_memory_times_and_closes_the_input_gate_accordingly(x64):
    cell = LSTM(hidden_size=2000, forget_bias=Chrono(t_max=99.0), recurrent_init=Zeros())
    b = cell.init(jax.random.key(0), 1).b.reshape(4, -1)
    np.testing.assert_array_equal(b[0], -b[1])
    assert not b[2:].any()
    memory_time = np.exp(b[1])
    assert 1 <= memory_time.min() < 1.5 and 98.5 < memory_time.max() <= 99
    assert abs(memory_time.mean() - 50) < 3 * 98 / np.sqrt(12 * 2000)


def test_without_bias_the_equations_of_the_lecture_hold_to_the_letter(x64):
    cell = LSTM(hidden_size=3, forget_bias=0.0, use_bias=False)
    params = cell.init(jax.random.key(0), 2)
    assert params.b is None
    rng = np.random.default_rng(0)
    h, c, x = rng.normal(size=3), rng.normal(size=3), rng.normal(size=2)
    w_i, w_f, w_g, w_o = np.split(np.asarray(params.w_x), 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(np.asarray(params.w_h), 4, axis=1)
    c_new = sigmoid(x @ w_f + h @ u_f) * c + sigmoid(x @ w_i + h @ u_i) * np.tanh(x @ w_g + h @ u_g)
    h_new = sigmoid(x @ w_o + h @ u_o) * np.tanh(c_new)
    carry = cell.step(params, cell.initial_carry(params)._replace(h=h, c=c), cell.project(params, jnp.asarray(x)))
    np.testing.assert_allclose(carry.c, c_new, rtol=1e-13)
    np.testing.assert_allclose(carry.h, h_new, rtol=1e-13)


def test_recurrent_blocks_are_orthogonal_each_by_default():
    params = LSTM(hidden_size=6).init(jax.random.key(0), 3)
    for block in np.split(np.asarray(params.w_h), 4, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(6), atol=1e-5)


def test_retention_is_the_slope_of_the_new_cell_state_in_the_old_one(x64):
    cell = LSTM(hidden_size=4, recurrent_init=OrthogonalPerGate())
    params = cell.init(jax.random.key(0), 3)
    carry = cell.initial_carry(params)._replace(h=jnp.linspace(-1, 1, 4), c=jnp.linspace(2, -1, 4))
    z = cell.project(params, jnp.array([0.3, -1.0, 2.0]))
    slope = jax.jacobian(lambda c: cell.step(params, carry._replace(c=c), z).c)(carry.c)
    np.testing.assert_allclose(slope, np.diag(cell.retention(cell.gates(params, carry, z))), atol=1e-14)


def test_weights_have_the_documented_layout():
    params = LSTM(hidden_size=4).init(jax.random.key(0), 3)
    assert (params.w_x.shape, params.w_h.shape, params.b.shape) == ((3, 16), (4, 16), (16,))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"hidden_size": 4, "use_bias": False, "forget_bias": Chrono(9.0)},
            ValueError,
            r"forget_bias must be 0 where use_bias is False, got Chrono\(",
        ),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        LSTM(**arguments)
