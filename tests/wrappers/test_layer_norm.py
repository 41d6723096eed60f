import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, unroll
from recurrax.wrappers.layer_norm import LayerNorm
from tests.wrappers import inner

VARIANTS = [LayerNorm(LSTM(4)), LayerNorm(GRU(3), where="input", epsilon=1e-3)]


def norm(cell, params, a):
    """Ba, Kiros & Hinton (2016)."""
    return params.gain * (a - a.mean()) / np.sqrt(a.var() + cell.epsilon) + params.b


def oracle_gates(cell, params, carry, x):
    x = norm(cell, params, x) if cell.where == "input" else x
    return inner.oracle_gates(cell.cell, params.inner, carry, x)


def oracle_step(cell, params, carry, x):
    x = norm(cell, params, x) if cell.where == "input" else x
    new, y = inner.oracle_step(cell.cell, params.inner, carry, x)
    return new, norm(cell, params, y) if cell.where == "output" else y


def test_outputs_have_mean_zero_and_variance_one_at_first():
    cell = LayerNorm(LSTM(64))
    _, ys = unroll(cell, cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (9, 2, 3)))
    np.testing.assert_allclose(ys.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(ys.var(-1), 1, atol=1e-2)


def test_an_output_of_zeros_has_a_finite_gradient():
    cell = LayerNorm(GRU(4))
    params = cell.init(jax.random.key(0), 3)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.zeros((3, 3)))[1].sum())(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"where": "state"}, "where must be one of 'input', 'output', got 'state'"),
        ({"epsilon": 0.0}, "epsilon must be .*, got 0.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LayerNorm(LSTM(4), **arguments)
