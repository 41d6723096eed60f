import jax
import jax.numpy as jnp
import numpy as np

from recurrax import unroll
from recurrax.cells.minimal_rnn import MinimalRNN
from recurrax.initializers import Chrono
from tests.oracles import sigmoid

VARIANTS = [MinimalRNN(hidden_size=4, forget_bias=Chrono(t_max=20.0)), MinimalRNN(hidden_size=4, use_bias=False)]


def oracle_gates(cell, params, carry, x):
    """Chen (2017), with one layer of tanh for the map of the input."""
    b, b_u = (0 if a is None else a for a in (params.b, params.b_u))
    n = np.tanh(params.w_x.T @ x + b)
    return {"u": sigmoid(params.w_h.T @ carry.h + params.w_z.T @ n + b_u), "n": n}


def oracle_step(cell, params, carry, x):
    """h_t = u h_{t-1} + (1 - u) n."""
    gates = oracle_gates(cell, params, carry, x)
    h = gates["u"] * carry.h + (1 - gates["u"]) * gates["n"]
    return type(carry)(h), h


def test_the_state_is_a_mean_of_images_of_the_inputs():
    cell = MinimalRNN(hidden_size=5)
    params = cell.init(jax.random.key(0), 2)
    _, ys = unroll(cell, params, 100 * jax.random.normal(jax.random.key(1), (200, 2)))
    assert jnp.abs(ys).max() <= 1


def test_forget_bias_sets_what_is_kept_at_zero_pre_activation():
    cell = MinimalRNN(hidden_size=3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    kept = cell.retention(cell.gates(params, cell.initial_carry(params), cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)
