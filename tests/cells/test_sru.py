import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.sru import SRU
from recurrax.initializers import Chrono, Zeros
from tests.oracles import ACTIVATIONS, sigmoid

VARIANTS = [
    SRU(hidden_size=3),
    SRU(hidden_size=4, peephole=False, activation="tanh", rescale=False, forget_bias=Chrono(t_max=20.0)),
    SRU(hidden_size=4, highway_bias=-2.0),
]


def oracle_gates(cell, params, carry, x):
    """Lei et al. (2018): the gates of the light recurrence and of the highway."""
    _, w_f, w_r = np.split(params.w_x, 3, axis=1)
    b_f, b_r = np.split(params.b, 2)
    v_f, v_r = np.zeros((2, len(b_f))) if params.v is None else np.split(params.v, 2)
    return {"f": sigmoid(x @ w_f + v_f * carry.c + b_f), "r": sigmoid(x @ w_r + v_r * carry.c + b_r)}


def oracle_step(cell, params, carry, x):
    """c_t = f c_{t-1} + (1 - f) W x;  h_t = r g(c_t) + (1 - r) alpha x."""
    gates = oracle_gates(cell, params, carry, x)
    f, r = gates["f"], gates["r"]
    c = f * carry.c + (1 - f) * (x @ params.w_x[:, : len(carry.c)])
    alpha = np.sqrt(1 + np.exp(cell.highway_bias) * 2) if cell.rescale else 1
    passed = x if params.w_p is None else x @ params.w_p
    h = r * ACTIVATIONS[cell.activation](c) + (1 - r) * alpha * passed
    return type(carry)(c=c, h=h if cell.peephole else None), h


def test_without_peephole_it_is_linear_and_carries_its_cell_alone():
    cell = SRU(hidden_size=3, peephole=False)
    params = cell.init(jax.random.key(0), 3)
    assert cell.linear and not SRU(hidden_size=3).linear
    assert params.v is None and params.w_p is None and cell.initial_carry(params).h is None


def test_a_peephole_of_zero_is_none(x64):
    seen, blind = SRU(hidden_size=3, peephole_init=Zeros()), SRU(hidden_size=3, peephole=False)
    params = seen.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    carry, ys = unroll(seen, params, xs)
    plain, plain_ys = unroll(blind, params._replace(v=None), xs)
    np.testing.assert_allclose(carry.c, plain.c, rtol=1e-12)
    np.testing.assert_allclose(ys, plain_ys, rtol=1e-12)


def test_a_shut_highway_gate_lets_the_input_pass():
    cell = SRU(hidden_size=3, highway_bias=-40.0)
    xs = jax.random.normal(jax.random.key(1), (9, 3))
    np.testing.assert_allclose(unroll(cell, cell.init(jax.random.key(0), 3), xs)[1], xs, rtol=1e-5)


def test_at_first_gates_get_as_much_variance_from_the_cell_as_from_the_input():
    params = SRU(hidden_size=4000).init(jax.random.key(0), 16)
    n, f, r = np.split(np.asarray(params.w_x), 3, axis=1)
    np.testing.assert_allclose([16 * n.var(), 16 * f.var(), 16 * r.var()], [1, 0.5, 0.5], rtol=0.03)
    np.testing.assert_allclose(params.v.var(), 0.5, rtol=0.03)


def test_biases_are_stored_for_forget_and_highway_gate():
    b = SRU(hidden_size=2, forget_bias=1.5, highway_bias=-3.0).init(jax.random.key(0), 2).b
    np.testing.assert_array_equal(b, [1.5, 1.5, -3.0, -3.0])
    assert jnp.isfinite(b).all()
