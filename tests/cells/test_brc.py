"""The bistable cell."""

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.brc import BRC
from tests.oracles import sigmoid

VARIANTS = [BRC(hidden_size=4), BRC(hidden_size=4, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    """Vecoven, Ernst & Drion (2021)."""
    a, c, n = np.split(x @ params.w_x + (0 if params.b is None else params.b), 3)
    u_a, u_c = np.split(params.u, 2) * carry.h
    a = np.tanh(a + u_a)
    return {"a": a, "c": sigmoid(c + u_c), "n": np.tanh(n + (1 + a) * carry.h)}


def oracle_step(cell, params, carry, x):
    gates = oracle_gates(cell, params, carry, x)
    h = gates["c"] * carry.h + (1 - gates["c"]) * gates["n"]
    return type(carry)(h), h


def test_a_unit_holds_either_state_for_ever_where_a_exceeds_one():
    """A pulse of either sign is remembered over 5,000 steps without input; with a = 0.5 it is forgotten."""
    cell = BRC(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))._replace(w_x=jnp.array([[0.0, 0.0, 1.0]]))
    pulses = jnp.zeros((5000, 2, 1)).at[0].set(jnp.array([[3.0], [-3.0]]))
    for a, held in [(1.5, True), (0.5, False)]:
        shifted = params._replace(b=jnp.array([np.arctanh(a - 1), 0.0, 0.0], jnp.float32))
        h = unroll(cell, shifted, pulses)[0].h[:, 0]
        assert bool(h[0] > 0.5 and h[1] < -0.5) is held
