import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_expit

from recurrax import unroll
from recurrax.cells.min_lstm import MinLSTM
from recurrax.initializers import Chrono, Gaussian
from tests.cells.test_min_gru import g, log_space_form, pre_activations
from tests.oracles import sigmoid

VARIANTS = [
    MinLSTM(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    MinLSTM(hidden_size=4, positive_candidate=False, bias_init=Gaussian()),
]


def oracle_gates(cell, params, carry, x):
    i, f = (sigmoid(a) for a in np.split(pre_activations(params, x), 3)[:2])
    return {"i": i / (i + f), "f": f / (i + f)}


def oracle_step(cell, params, carry, x):
    """Feng et al. (2024), section 3.2.3."""
    gates = oracle_gates(cell, params, carry, x)
    h = gates["f"] * carry.h + gates["i"] * g(cell, np.split(pre_activations(params, x), 3)[2])
    return type(carry)(h), h


@pytest.mark.parametrize("executor", ["scan", "associative"])
def test_values_are_those_of_the_published_log_space_form(x64, executor):
    cell = MinLSTM(5)
    params = cell.init(jax.random.key(0), 3)
    xs, start = np.random.default_rng(0).normal(size=(40, 3)), np.full(5, 0.7)
    carry = cell.initial_carry(params)._replace(h=jnp.asarray(start))
    _, ys = unroll(cell, params, jnp.asarray(xs), carry, executor=executor)
    i, f, candidate = np.split(pre_activations(params, xs), 3, axis=-1)
    log_total = np.logaddexp(log_expit(i), log_expit(f))
    expected = log_space_form(cell, start, log_expit(f) - log_total, log_expit(i) - log_total, candidate)
    np.testing.assert_allclose(ys, expected, rtol=1e-12)


def test_shares_are_right_where_both_gates_vanish():
    cell = MinLSTM(hidden_size=1, bias_init=Gaussian())
    params = cell.init(jax.random.key(0), 1)._replace(w_x=jnp.zeros((1, 3)), b=jnp.array([-200.0, -199.0, 0.0]))
    i, f = cell.gates(params, None, cell.project(params, jnp.zeros(1)))
    np.testing.assert_allclose([f[0], i[0]], [sigmoid(1.0), sigmoid(-1.0)], rtol=1e-6)


def test_forget_bias_sets_what_is_kept_at_zero_input():
    cell = MinLSTM(3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    kept = cell.retention(cell.gates(params, None, cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0) / (sigmoid(2.0) + 0.5), rtol=1e-6)
