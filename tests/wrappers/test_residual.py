import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, unroll
from recurrax.wrappers.residual import Residual
from tests.wrappers import inner

VARIANTS = [Residual(LSTM(3)), Residual(GRU(3))]


def smallest(cell):
    return cell  # as wide as the input


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, carry, x)


def oracle_step(cell, params, carry, x):
    """y_t = y_t of the cell + x_t."""
    new, y = inner.oracle_step(cell.cell, params, carry, x)
    return new, y + x


def test_parameters_are_those_of_the_cell_inside():
    params = LSTM(3).init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (5, 3))
    plain, shortcut = unroll(LSTM(3), params, xs), unroll(Residual(LSTM(3)), params, xs)
    jax.tree.map(np.testing.assert_array_equal, shortcut[0], plain[0])
    np.testing.assert_allclose(shortcut[1], plain[1] + xs, rtol=1e-6)


def test_an_input_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"input_size must be the cell's output size for a shortcut, got 2: .*\(2,\)"):
        Residual(LSTM(3)).init(jax.random.key(0), 2)
    with pytest.raises(TypeError, match="cell must be a recurrax Cell, got <class"):
        Residual(LSTM)
    assert jnp.isfinite(Residual(LSTM(3)).init(jax.random.key(0), 3).w_x).all()
