import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.li_gru import LiGRU
from recurrax.initializers import Chrono, Zeros
from tests.oracles import ACTIVATIONS, sigmoid

VARIANTS = [
    LiGRU(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    LiGRU(hidden_size=4, activation="tanh", use_bias=False),
]


def parts(params, h, x):
    """W x + U h + b of the gate and of the candidate."""
    b = 0 if params.b is None else params.b
    return np.split(x @ params.w_x + h @ params.w_h + b, 2)


def oracle_gates(cell, params, carry, x):
    """Ravanelli et al. (2018), without batch normalisation."""
    return {"z": sigmoid(parts(params, carry.h, x)[0])}


def oracle_step(cell, params, carry, x):
    """h_t = z h_{t-1} + (1 - z) n."""
    a_z, a_n = parts(params, carry.h, x)
    z, n = sigmoid(a_z), ACTIVATIONS[cell.activation](a_n)
    h = z * carry.h + (1 - z) * n
    return type(carry)(h), h


def test_forget_bias_sets_what_is_kept_at_zero_pre_activation():
    cell = LiGRU(hidden_size=3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    kept = cell.retention(cell.gates(params, cell.initial_carry(params), cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)


def test_from_zeros_no_unit_goes_below_zero():
    cell = LiGRU(hidden_size=8)
    _, ys = unroll(cell, cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (30, 3)))
    assert (ys >= 0).all() and (ys > 0).any()


def test_the_gate_does_not_squash_what_the_candidate_says(x64):
    cell = LiGRU(hidden_size=1, recurrent_init=Zeros())
    params = cell.init(jax.random.key(0), 1)._replace(w_x=jnp.array([[0.0, 1.0]]))
    carry, _ = unroll(cell, params, jnp.full((60, 1), 100.0))
    np.testing.assert_allclose(carry.h, 100 * (1 - 0.5**60), rtol=1e-12)
