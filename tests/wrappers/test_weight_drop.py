import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, unroll
from recurrax.wrappers.weight_drop import WeightDrop
from tests.wrappers import inner

VARIANTS = [WeightDrop(LSTM(4)), WeightDrop(GRU(3), rate=0.2, fields=("w_x", "w_h"))]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, carry, x)


def oracle_step(cell, params, carry, x):
    """At evaluation nothing is dropped."""
    return inner.oracle_step(cell.cell, params, carry, x)


def test_a_run_has_one_mask_on_the_named_weights():
    cell = WeightDrop(LSTM(64), rate=0.25)
    params = cell.init(jax.random.key(0), 3)
    weights = cell.prepare(params, key=jax.random.key(1))
    share = np.asarray(weights.w_h / params.w_h)
    np.testing.assert_allclose(np.unique(share.round(5)), [0, 1.33333], atol=1e-4)
    assert abs((share == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(weights.w_x, params.w_x)
    xs = jax.random.normal(jax.random.key(2), (5, 2, 3))
    own = jax.random.fold_in(jax.random.key(7), 2**32 - 1)
    dropped = unroll(LSTM(64), cell.prepare(params, key=own), xs)[1]
    np.testing.assert_allclose(unroll(cell, params, xs, key=jax.random.key(7))[1], dropped, atol=1e-6)


def test_the_gradient_of_a_dropped_weight_is_zero():
    cell = WeightDrop(LSTM(8))
    params = cell.init(jax.random.key(0), 3)
    xs = jnp.ones((5, 3))
    gradient = jax.grad(lambda p: unroll(cell, p, xs, key=jax.random.key(1))[1].sum())(params)
    kept = cell.prepare(params, key=jax.random.fold_in(jax.random.key(1), 2**32 - 1)).w_h != 0
    np.testing.assert_array_equal(gradient.w_h != 0, kept)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rate": 1.5}, ValueError, r"rate must lie in \[0, 1\), got 1.5"),
        ({"fields": "w_h"}, TypeError, "fields must be a tuple of names, got 'w_h'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        WeightDrop(LSTM(4), **arguments)


def test_a_parameter_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="fields names 'u', the parameters of LSTM.* are w_x, w_h, b"):
        WeightDrop(LSTM(4), fields=("u",)).init(jax.random.key(0), 3)
