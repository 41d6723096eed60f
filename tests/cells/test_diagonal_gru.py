import jax
import jax.numpy as jnp
import numpy as np

from recurrax import GRU, unroll
from recurrax.cells.diagonal_gru import DiagonalGRU
from recurrax.cells.gru import GRUParams
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [DiagonalGRU(hidden_size=4, forget_bias=Chrono(t_max=20.0)), DiagonalGRU(hidden_size=4, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    b = np.zeros(3 * len(carry.h)) if params.b is None else params.b
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(x @ params.w_x + b, 3), np.split(params.u, 3)
    r = sigmoid(a_r + u_r * carry.h)
    return {"r": r, "z": sigmoid(a_z + u_z * carry.h), "n": np.tanh(a_n + u_n * (r * carry.h))}


def oracle_step(cell, params, carry, x):
    """The GRU of Chung et al. (2014) with vectors in the place of its recurrent matrices."""
    gates = oracle_gates(cell, params, carry, x)
    h = (1 - gates["z"]) * carry.h + gates["z"] * gates["n"]
    return type(carry)(h), h


def test_it_is_the_gru_with_diagonal_matrices(x64):
    diagonal, full = DiagonalGRU(hidden_size=4), GRU(hidden_size=4)
    params = diagonal.init(jax.random.key(0), 3)
    w_h = jnp.concatenate([jnp.diag(u) for u in jnp.split(params.u, 3)], axis=-1)
    xs = jax.random.normal(jax.random.key(1), (20, 2, 3))
    _, expected = unroll(full, GRUParams(params.w_x, w_h, params.b, None), xs)
    np.testing.assert_allclose(unroll(diagonal, params, xs)[1], expected, rtol=1e-12, atol=1e-14)


def test_forget_bias_sets_what_is_kept_at_zero_pre_activation():
    cell = DiagonalGRU(hidden_size=3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    carry = cell.initial_carry(params)
    kept = cell.retention(cell.gates(params, carry, cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)
