import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_expit

from recurrax import unroll
from recurrax.cells.min_rnns import MinGRU, MinLSTM
from recurrax.initializers import Chrono, Gaussian
from tests.oracles import sigmoid

VARIANTS = [
    MinGRU(hidden_size=4),
    MinGRU(hidden_size=4, positive_candidate=False, use_bias=False),
    MinLSTM(hidden_size=4, forget_bias=Chrono(t_max=20.0)),
    MinLSTM(hidden_size=4, positive_candidate=False, bias_init=Gaussian()),
]


def pre_activations(cell, params, x):
    a = x @ params.w_x + (0 if params.b is None else params.b)
    return np.split(a, 2 if isinstance(cell, MinGRU) else 3)


def g(cell, a):
    """Feng et al. (2024), appendix B.2.1."""
    return np.where(a >= 0, a + 0.5, sigmoid(a)) if cell.positive_candidate else a


def oracle_gates(cell, params, carry, x):
    if isinstance(cell, MinGRU):
        return {"z": sigmoid(pre_activations(cell, params, x)[0])}
    i, f = (sigmoid(a) for a in pre_activations(cell, params, x)[:2])
    return {"i": i / (i + f), "f": f / (i + f)}


def oracle_step(cell, params, carry, x):
    """Feng et al. (2024), sections 3.1.3 and 3.2.3."""
    gates = oracle_gates(cell, params, carry, x)
    candidate = g(cell, pre_activations(cell, params, x)[-1])
    if isinstance(cell, MinGRU):
        h = (1 - gates["z"]) * carry.h + gates["z"] * candidate
    else:
        h = gates["f"] * carry.h + gates["i"] * candidate
    return type(carry)(h), h


@pytest.mark.parametrize("executor", ["scan", "associative"])
@pytest.mark.parametrize("cell", [MinGRU(5), MinLSTM(5)], ids=["gru", "lstm"])
def test_values_are_those_of_the_published_log_space_form(x64, cell, executor):
    """Listings 2 and 4: log h_t = a*_t + logcumsumexp(log b_t - a*_t), a* the cumulative sum of log factors."""
    params = cell.init(jax.random.key(0), 3)
    xs = np.random.default_rng(0).normal(size=(40, 3))
    start = np.full(5, 0.7)
    _, ys = unroll(
        cell, params, jnp.asarray(xs), cell.initial_carry(params)._replace(h=jnp.asarray(start)), executor=executor
    )
    *gates, candidate = np.split(xs @ np.asarray(params.w_x) + np.asarray(params.b), len(params.b) // 5, axis=-1)
    if isinstance(cell, MinGRU):
        log_keep, log_write = log_expit(-gates[0]), log_expit(gates[0])
    else:
        log_total = np.logaddexp(log_expit(gates[0]), log_expit(gates[1]))
        log_write, log_keep = log_expit(gates[0]) - log_total, log_expit(gates[1]) - log_total
    log_b = np.concatenate([np.log(start)[None], log_write + np.log(g(cell, candidate))])
    a_star = np.concatenate([np.zeros((1, 5)), np.cumsum(log_keep, 0)])
    log_h = a_star + np.logaddexp.accumulate(log_b - a_star, 0)
    np.testing.assert_allclose(ys, np.exp(log_h[1:]), rtol=1e-12)


def test_shares_are_right_where_both_gates_vanish():
    cell = MinLSTM(hidden_size=1, bias_init=Gaussian())
    params = cell.init(jax.random.key(0), 1)._replace(w_x=jnp.zeros((1, 3)), b=jnp.array([-200.0, -199.0, 0.0]))
    i, f = cell.gates(params, None, cell.project(params, jnp.zeros(1)))
    np.testing.assert_allclose([f[0], i[0]], [sigmoid(1.0), sigmoid(-1.0)], rtol=1e-6)


def test_forget_bias_sets_what_is_kept_at_zero_input():
    for cell in (MinGRU(3, forget_bias=2.0), MinLSTM(3, forget_bias=2.0)):
        params = cell.init(jax.random.key(0), 2)
        kept = cell.retention(cell.gates(params, None, cell.project(params, jnp.zeros(2))))
        f = sigmoid(2.0)
        np.testing.assert_allclose(kept, f if isinstance(cell, MinGRU) else f / (f + 0.5), rtol=1e-6)


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"hidden_size": 4, "positive_candidate": 1}, TypeError, "positive_candidate must be True or False, got 1"),
        ({"hidden_size": 4, "use_bias": "no"}, TypeError, "use_bias must be .*, got 'no'"),
        ({"hidden_size": 4, "use_bias": False, "forget_bias": 1.0}, ValueError, "forget_bias must be 0"),
        ({"hidden_size": 4, "input_init": "zeros"}, TypeError, "input_init must be .*, got 'zeros'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind(**arguments)
