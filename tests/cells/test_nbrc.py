import numpy as np

from recurrax.cells.nbrc import NBRC
from tests.oracles import sigmoid

VARIANTS = [NBRC(hidden_size=4), NBRC(hidden_size=3, forget_bias=1.0)]


def oracle_gates(cell, params, carry, x):
    """Vecoven, Ernst & Drion (2021)."""
    a, c, n = np.split(x @ params.w_x + (0 if params.b is None else params.b), 3)
    u_a, u_c = np.split(carry.h @ params.w_h, 2)
    a = np.tanh(a + u_a)
    return {"a": a, "c": sigmoid(c + u_c), "n": np.tanh(n + (1 + a) * carry.h)}


def oracle_step(cell, params, carry, x):
    gates = oracle_gates(cell, params, carry, x)
    h = gates["c"] * carry.h + (1 - gates["c"]) * gates["n"]
    return type(carry)(h), h
