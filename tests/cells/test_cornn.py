import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.cornn import CoRNN

VARIANTS = [
    CoRNN(hidden_size=4, time_step=0.3),
    CoRNN(hidden_size=3, time_step=0.2, frequency=1.5, damping=0.7, implicit_damping=True, use_bias=False),
]


def oracle_step(cell, params, carry, x):
    """Rusch & Mishra (2021), solved for z_n where it stands on both sides."""
    dt, (w_y, w_z) = cell.time_step, np.split(params.w_h, 2)
    drive = np.tanh(carry.y @ w_y + carry.z @ w_z + x @ params.w_x + (0 if params.b is None else params.b))
    if cell.implicit_damping:
        z = (carry.z + dt * drive - dt * cell.frequency * carry.y) / (1 + dt * cell.damping)
    else:
        z = carry.z + dt * drive - dt * cell.frequency * carry.y - dt * cell.damping * carry.z
    y = carry.y + dt * z
    return type(carry)(y=y, z=z), y


@pytest.mark.parametrize("implicit", [False, True])
def test_without_input_it_is_a_damped_oscillator(x64, implicit):
    cell = CoRNN(hidden_size=1, time_step=1e-3, frequency=4.0, damping=0.2, implicit_damping=implicit)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
    start = cell.initial_carry(params)._replace(y=jnp.ones(1))
    _, ys = unroll(cell, params, jnp.zeros((5000, 1)), start)
    time = 1e-3 * np.arange(1, 5001)
    omega = np.sqrt(4 - 0.01)
    exact = np.exp(-0.1 * time) * (np.cos(omega * time) + 0.1 / omega * np.sin(omega * time))
    np.testing.assert_allclose(ys[:, 0], exact, atol=5e-3)


def test_states_stay_bounded():
    """Proposition 3.1: y^2 + z^2 / gamma stays below about n dt; here with strong inputs over 2,000 steps."""
    cell = CoRNN(hidden_size=16)
    params = cell.init(jax.random.key(0), 3)
    carry, ys = unroll(cell, params, 10 * jax.random.normal(jax.random.key(1), (2000, 3)))
    assert jnp.abs(ys).max() < 1 and jnp.abs(carry.z).max() < 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"time_step": 0.0}, ValueError, "time_step must be .*, got 0.0"),
        ({"frequency": -1.0}, ValueError, "frequency must be .*, got -1.0"),
        ({"damping": -0.1}, ValueError, "damping must be at least 0, got -0.1"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        CoRNN(hidden_size=4, **arguments)
