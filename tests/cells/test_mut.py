import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, unroll
from recurrax.cells.gru import GRUParams
from recurrax.cells.mut import MUT1, MUT2, MUT3
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [
    MUT1(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    MUT1(hidden_size=3),
    MUT2(hidden_size=3, forget_bias=1.0),
    MUT2(hidden_size=4, use_bias=False),
    MUT3(hidden_size=4),
    MUT3(hidden_size=3, use_bias=False),
]


def oracle_gates(cell, params, carry, x):
    """Jozefowicz, Zaremba & Sutskever (2015), with P x in the place of a bare x of another width."""
    h = carry.h
    bare = x if params.w_p is None else x @ params.w_p
    b_z, b_r, b_n = np.zeros((3, len(h))) if params.b is None else np.split(params.b, 3)
    if isinstance(cell, MUT1):
        (w_z, w_r), (u_r, u_n) = np.split(params.w_x, 2, axis=1), np.split(params.w_h, 2, axis=1)
        z, r = sigmoid(x @ w_z + b_z), sigmoid(x @ w_r + h @ u_r + b_r)
        n = np.tanh((r * h) @ u_n + np.tanh(bare) + b_n)
    elif isinstance(cell, MUT2):
        (w_z, w_n), (u_z, u_r, u_n) = np.split(params.w_x, 2, axis=1), np.split(params.w_h, 3, axis=1)
        z, r = sigmoid(x @ w_z + h @ u_z + b_z), sigmoid(bare + h @ u_r + b_r)
        n = np.tanh((r * h) @ u_n + x @ w_n + b_n)
    else:
        (w_z, w_r, w_n), (u_z, u_r, u_n) = np.split(params.w_x, 3, axis=1), np.split(params.w_h, 3, axis=1)
        z, r = sigmoid(x @ w_z + np.tanh(h) @ u_z + b_z), sigmoid(x @ w_r + h @ u_r + b_r)
        n = np.tanh((r * h) @ u_n + x @ w_n + b_n)
    return {"z": z, "r": r, "n": n}


def oracle_step(cell, params, carry, x):
    """h_{t+1} = n z + h_t (1 - z)."""
    gates = oracle_gates(cell, params, carry, x)
    h = gates["n"] * gates["z"] + carry.h * (1 - gates["z"])
    return type(carry)(h), h


def test_only_an_input_of_another_width_than_the_state_gets_a_matrix_in_the_place_of_none():
    for cls in (MUT1, MUT2):
        assert cls(hidden_size=3).init(jax.random.key(0), 3).w_p is None
        assert cls(hidden_size=3).init(jax.random.key(0), 2).w_p.shape == (2, 3)
    assert MUT3(hidden_size=3).init(jax.random.key(0), 2).w_p is None


def test_mut2_with_that_matrix_is_the_gru(x64):
    params = MUT2(hidden_size=4).init(jax.random.key(0), 3)
    (w_z, w_n), (u_z, u_r, u_n) = jnp.split(params.w_x, 2, axis=1), jnp.split(params.w_h, 3, axis=1)
    b_z, b_r, b_n = jnp.split(params.b + 0.1 * jnp.arange(12.0), 3)
    gru = GRUParams(
        jnp.concatenate([params.w_p, w_z, w_n], 1),
        jnp.concatenate([u_r, u_z, u_n], 1),
        jnp.concatenate([b_r, b_z, b_n]),
        None,
    )
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    got = unroll(MUT2(hidden_size=4), params._replace(b=jnp.concatenate([b_z, b_r, b_n])), xs)[1]
    np.testing.assert_allclose(got, unroll(GRU(hidden_size=4), gru, xs)[1], rtol=1e-12)


def test_the_update_gate_of_mut1_does_not_see_the_state():
    cell = MUT1(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    z = cell.project(params, jnp.ones(3))
    carry = cell.initial_carry(params)
    other = type(carry)(carry.h + 0.7)
    np.testing.assert_array_equal(cell.gates(params, carry, z).z, cell.gates(params, other, z).z)
    assert (cell.gates(params, carry, z).n != cell.gates(params, other, z).n).any()


@pytest.mark.parametrize("cls", [MUT1, MUT2, MUT3])
def test_forget_bias_sets_what_is_kept_at_zero_pre_activation(cls):
    cell = cls(hidden_size=3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 3)
    kept = cell.retention(cell.gates(params, cell.initial_carry(params), cell.project(params, jnp.zeros(3))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)
