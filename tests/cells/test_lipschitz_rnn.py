import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from recurrax import unroll
from recurrax.cells.lipschitz_rnn import LipschitzRNN

VARIANTS = [
    LipschitzRNN(hidden_size=4, step_size=0.3),
    LipschitzRNN(hidden_size=4, step_size=0.4, method="midpoint", beta_a=0.6, gamma_w=0.2),
    LipschitzRNN(hidden_size=3, use_bias=False, beta_w=1.0),
]


def slope(cell, params, h, x):
    """Erichson et al. (2021)."""
    eye = np.eye(cell.hidden_size)
    a = (1 - cell.beta_a) * (params.m_a + params.m_a.T) + cell.beta_a * (params.m_a - params.m_a.T)
    w = (1 - cell.beta_w) * (params.m_w + params.m_w.T) + cell.beta_w * (params.m_w - params.m_w.T)
    u = x @ params.w_x + (0 if params.b is None else params.b)
    return (a - cell.gamma_a * eye) @ h + np.tanh((w - cell.gamma_w * eye) @ h + u)


def oracle_step(cell, params, carry, x):
    """Forward Euler, and the second-order Runge-Kutta scheme of the appendix."""
    h, step = carry.h, cell.step_size
    where = h + step / 2 * slope(cell, params, h, x) if cell.method == "midpoint" else h
    h = h + step * slope(cell, params, where, x)
    return type(carry)(h), h


@pytest.mark.parametrize(("method", "accuracy"), [("euler", 2e-2), ("midpoint", 1e-4)])
def test_steps_follow_the_differential_equation_to_their_order(x64, method, accuracy):
    cell = LipschitzRNN(hidden_size=3, step_size=0.01, method=method)
    params = cell.init(jax.random.key(0), 2)
    x, start = np.array([0.3, -1.0]), np.array([0.5, -0.2, 0.1])
    carry, _ = unroll(cell, params, jnp.tile(x, (200, 1)), cell.initial_carry(cell.prepare(params))._replace(h=start))
    exact = scipy.integrate.solve_ivp(lambda _, h: slope(cell, params, h, x), (0, 2), start, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(carry.h, exact.y[:, -1], atol=accuracy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": -1.0}, "step_size must be .*, got -1.0"),
        ({"beta_a": 1.5}, "beta_a must lie between 0 and 1, got 1.5"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LipschitzRNN(hidden_size=4, **arguments)
