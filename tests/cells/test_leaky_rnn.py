import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from recurrax import RNN, unroll
from recurrax.cells.leaky_rnn import LeakyRNN
from recurrax.cells.rnn import RNNParams

VARIANTS = [
    LeakyRNN(hidden_size=4),
    LeakyRNN(hidden_size=4, form="potential", time_constant=3.0, time_step=0.5),
    LeakyRNN(hidden_size=4, learn_time_constant=True, use_bias=False),
]


def oracle_step(cell, params, carry, x):
    """Euler's method on the two equations."""
    tau = cell.time_constant
    if cell.learn_time_constant:
        tau = cell.time_step * (1 + np.exp(params.log_time_constant))
    b = 0 if params.b is None else params.b
    h = carry.h
    if cell.form == "rate":
        slope = (-h + np.tanh(x @ params.w_x + h @ params.w_h + b)) / tau
    else:
        slope = (-h + x @ params.w_x + np.tanh(h) @ params.w_h + b) / tau
    h = h + cell.time_step * slope
    return type(carry)(h), h if cell.form == "rate" else np.tanh(h)


@pytest.mark.parametrize("form", ["rate", "potential"])
def test_small_steps_follow_the_differential_equation(x64, form):
    cell = LeakyRNN(hidden_size=3, time_constant=2.0, time_step=1e-3, form=form)
    params = cell.init(jax.random.key(0), 2)
    x = jnp.array([0.3, -1.0])
    start = cell.initial_carry(params)._replace(h=jnp.array([0.5, -0.2, 0.1]))
    carry, _ = unroll(cell, params, jnp.tile(x, (3000, 1)), start)

    def slope(_, h):
        inner = h if form == "rate" else np.tanh(h)
        drive = x @ params.w_x + inner @ params.w_h + params.b
        return (-h + (np.tanh(drive) if form == "rate" else drive)) / 2.0

    exact = scipy.integrate.solve_ivp(slope, (0, 3), start.h, rtol=1e-9, atol=1e-9).y[:, -1]
    np.testing.assert_allclose(carry.h, exact, atol=2e-3)


def test_with_a_time_constant_of_one_step_it_is_the_plain_network():
    cell = LeakyRNN(hidden_size=4, time_constant=1.0)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    _, plain = unroll(RNN(4), RNNParams(*params[:3]), xs)
    np.testing.assert_allclose(unroll(cell, params, xs)[1], plain, atol=1e-6)


def test_a_learned_time_constant_begins_where_it_is_told():
    cell = LeakyRNN(hidden_size=4, time_constant=7.0, time_step=0.5, learn_time_constant=True)
    log_time = cell.init(jax.random.key(0), 3).log_time_constant
    np.testing.assert_allclose(0.5 * (1 + np.exp(log_time)), 7.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_constant": 0.5}, "time_constant must be at least time_step = 1.0, .* got 0.5"),
        ({"time_constant": 1.0, "learn_time_constant": True}, "and above it where it is learned, got 1.0"),
        ({"time_step": 0.0}, "time_step must be .*, got 0.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LeakyRNN(hidden_size=4, **arguments)
