import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.star import STAR
from tests.oracles import sigmoid

VARIANTS = [STAR(hidden_size=4), STAR(hidden_size=4, use_bias=False), STAR(hidden_size=3, forget_bias=1.0)]


def oracle_gates(cell, params, carry, x):
    """Turkoglu et al. (2021)."""
    a_k, a_z = np.split(x @ params.w_x + (0 if params.b is None else params.b), 2)
    return {"k": sigmoid(a_k + carry.h @ params.w_h), "z": np.tanh(a_z)}


def oracle_step(cell, params, carry, x):
    """h_t = tanh((1 - k) h_{t-1} + k z)."""
    gates = oracle_gates(cell, params, carry, x)
    h = np.tanh((1 - gates["k"]) * carry.h + gates["k"] * gates["z"])
    return type(carry)(h), h


def test_a_closed_gate_passes_the_state_through_tanh_alone():
    cell = STAR(hidden_size=3, forget_bias=40.0)
    params = cell.init(jax.random.key(0), 2)
    start = cell.initial_carry(params)._replace(h=jnp.array([0.5, -0.2, 0.9]))
    carry, _ = unroll(cell, params, jnp.ones((2, 2)), start)
    np.testing.assert_allclose(carry.h, np.tanh(np.tanh(start.h)), rtol=1e-6)
