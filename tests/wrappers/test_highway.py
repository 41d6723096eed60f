import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, unroll
from recurrax.wrappers.highway import Highway
from tests.oracles import sigmoid
from tests.wrappers import inner

VARIANTS = [Highway(LSTM(3)), Highway(GRU(3), transform_bias=0.5)]


def smallest(cell):
    return cell  # as wide as the input


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params.inner, carry, x)


def oracle_step(cell, params, carry, x):
    """Srivastava, Greff & Schmidhuber (2015)."""
    new, y = inner.oracle_step(cell.cell, params.inner, carry, x)
    t = sigmoid(x @ params.w_t + params.b_t)
    return new, t * y + (1 - t) * x


def test_a_closed_gate_passes_the_input_on_and_an_open_one_the_cell():
    cell = Highway(LSTM(3))
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (5, 3))
    shut, wide = (params._replace(w_t=jnp.zeros((3, 3)), b_t=jnp.full(3, b)) for b in (-100.0, 100.0))
    np.testing.assert_allclose(unroll(cell, shut, xs)[1], xs, atol=1e-6)
    np.testing.assert_allclose(unroll(cell, wide, xs)[1], unroll(LSTM(3), params.inner, xs)[1], atol=1e-6)
    np.testing.assert_array_equal(params.b_t, -np.ones(3))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="transform_bias must be .*, got nan"):
        Highway(LSTM(3), transform_bias=float("nan"))
    with pytest.raises(ValueError, match="input_size must be the cell's output size for a shortcut, got 2"):
        Highway(LSTM(3)).init(jax.random.key(0), 2)
