import jax
import jax.numpy as jnp
import numpy as np

from recurrax.cells.mgu import MGU
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [MGU(hidden_size=4, forget_bias=Chrono(t_max=20.0)), MGU(hidden_size=4, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    """Zhou, Wu, Zhang & Zhou (2016), equations of table 1d."""
    b = np.zeros(2 * len(carry.h)) if params.b is None else params.b
    (a_f, a_n), (u_f, u_n) = np.split(x @ params.w_x + b, 2), np.split(params.w_h, 2, axis=1)
    f = sigmoid(a_f + carry.h @ u_f)
    return {"f": f, "n": np.tanh(a_n + (f * carry.h) @ u_n)}


def oracle_step(cell, params, carry, x):
    """h_t = (1 - f) h_{t-1} + f n."""
    gates = oracle_gates(cell, params, carry, x)
    h = (1 - gates["f"]) * carry.h + gates["f"] * gates["n"]
    return type(carry)(h), h


def test_forget_bias_sets_what_is_kept_at_zero_pre_activation():
    cell = MGU(hidden_size=3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    kept = cell.retention(cell.gates(params, cell.initial_carry(params), cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)
