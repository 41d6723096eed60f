import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.gradflow import critical_gain, lyapunov_spectrum, theory, trajectory
from recurrax.initializers import Gaussian
from recurrax.wrappers.residual import Residual


def test_a_wide_tanh_network_is_critical_where_mean_field_theory_says():
    cell = RNN(400, input_init=Gaussian(0.1**0.5), recurrent_init=Gaussian(1.0))
    params = cell.init(jax.random.key(0), 20)
    xs = jax.random.normal(jax.random.key(1), (300, 1, 20))
    # 2 % in the variance is what simulations of this width scatter by.
    expected = theory.critical_weight_variance(input_variance=0.1)
    assert critical_gain(cell, params, xs, low=0.5, high=4.0) ** 2 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("cell", [LSTM(24, recurrent_init=Gaussian(1.0)), GRU(24, recurrent_init=Gaussian(1.0))])
def test_of_a_gated_cell_the_leading_exponent_is_zero_there(cell):
    params, xs = cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (200, 3))
    gain = critical_gain(cell, params, xs)
    there = lyapunov_spectrum(trajectory(cell, params._replace(w_h=gain * params.w_h), xs), k=1)
    np.testing.assert_allclose(there, 0, atol=3e-3)
    assert lyapunov_spectrum(trajectory(cell, params._replace(w_h=0.7 * gain * params.w_h), xs), k=1)[0] < -0.01


def test_the_weight_is_found_in_a_wrapped_cell():
    cell, xs = RNN(3, recurrent_init=Gaussian(1.0)), jnp.zeros((200, 3))
    params = cell.init(jax.random.key(0), 3)
    plain = critical_gain(cell, params, xs)
    # Without input the state stays at zero, where the Jacobian is the weight itself.
    assert plain == pytest.approx(1 / np.abs(np.linalg.eigvals(params.w_h)).max(), rel=0.02)
    assert critical_gain(Residual(cell), params, xs) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": "w_hh"}, "weight must name a parameter of RNN"),
        ({"low": 0.0}, "low must be above 0"),
        ({"low": 2.0, "high": 1.0}, "high must be above low = 2.0, got 1.0"),
        ({"high": 0.1}, "does not cross zero for factors of w_h from 0.05 to 0.1"),
    ],
)
def test_what_cannot_be_found_is_named(arguments, message):
    cell = RNN(3)
    with pytest.raises(ValueError, match=message):
        critical_gain(cell, cell.init(jax.random.key(0), 2), jnp.ones((50, 2)), **arguments)
