"""The minimal GRU, and what minimal cells share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_expit

from recurrax import unroll
from recurrax.cells.min_gru import MinGRU
from tests.oracles import sigmoid

VARIANTS = [MinGRU(hidden_size=4), MinGRU(hidden_size=4, positive_candidate=False, use_bias=False)]


def pre_activations(params, x):
    return np.asarray(x @ params.w_x) + (0 if params.b is None else np.asarray(params.b))


def g(cell, a):
    """Feng et al. (2024), appendix B.2.1."""
    return np.where(a >= 0, a + 0.5, sigmoid(a)) if cell.positive_candidate else a


def log_space_form(cell, start, log_keep, log_write, candidate):
    """Listings 2 and 4: log h_t = a*_t + logcumsumexp(log b_t - a*_t), a* the cumulative sum of log factors."""
    log_b = np.concatenate([np.log(start)[None], log_write + np.log(g(cell, candidate))])
    a_star = np.concatenate([np.zeros((1, len(start))), np.cumsum(log_keep, 0)])
    return np.exp(a_star + np.logaddexp.accumulate(log_b - a_star, 0))[1:]


def oracle_gates(cell, params, carry, x):
    return {"z": sigmoid(np.split(pre_activations(params, x), 2)[0])}


def oracle_step(cell, params, carry, x):
    """Feng et al. (2024), section 3.1.3."""
    z = oracle_gates(cell, params, carry, x)["z"]
    h = (1 - z) * carry.h + z * g(cell, np.split(pre_activations(params, x), 2)[1])
    return type(carry)(h), h


@pytest.mark.parametrize("executor", ["scan", "associative"])
def test_values_are_those_of_the_published_log_space_form(x64, executor):
    cell = MinGRU(5)
    params = cell.init(jax.random.key(0), 3)
    xs, start = np.random.default_rng(0).normal(size=(40, 3)), np.full(5, 0.7)
    carry = cell.initial_carry(params)._replace(h=jnp.asarray(start))
    _, ys = unroll(cell, params, jnp.asarray(xs), carry, executor=executor)
    z, n = np.split(pre_activations(params, xs), 2, axis=-1)
    np.testing.assert_allclose(ys, log_space_form(cell, start, log_expit(-z), log_expit(z), n), rtol=1e-12)


def test_forget_bias_sets_what_is_kept_at_zero_input():
    cell = MinGRU(3, forget_bias=2.0)
    params = cell.init(jax.random.key(0), 2)
    kept = cell.retention(cell.gates(params, None, cell.project(params, jnp.zeros(2))))
    np.testing.assert_allclose(kept, sigmoid(2.0), rtol=1e-6)
