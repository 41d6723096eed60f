import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import gradflow
from recurrax.cells.unicornn import UnICORNN

VARIANTS = [UnICORNN(hidden_size=4, time_step=0.5), UnICORNN(hidden_size=3, alpha=0.3, use_bias=False)]


def oracle_step(cell, params, carry, x):
    """Rusch & Mishra (2021 b); the control is 0.5 + 0.5 tanh(c / 2)."""
    dt = cell.time_step * (0.5 + 0.5 * np.tanh(params.c / 2))
    drive = params.w * carry.y + x @ params.w_x + (0 if params.b is None else params.b)
    z = carry.z - dt * (np.tanh(drive) + cell.alpha * carry.y)
    y = carry.y + dt * z
    return type(carry)(y=y, z=z), y


def test_the_volume_in_phase_space_is_kept(x64):
    """The scheme is symplectic: exponents come in pairs that add up to nil."""
    cell = UnICORNN(hidden_size=5, time_step=0.4)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (300, 3))
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs))
    assert abs(spectrum.sum()) < 1e-10
    carry = jax.tree.map(lambda a: a + 0.3, cell.initial_carry(params))
    z = cell.project(params, xs[0])

    def step(state):
        y, z_new = jnp.split(state, 2)
        return jnp.concatenate(cell.step(params, carry._replace(y=y, z=z_new), z))

    jacobian = jax.jacobian(step)(jnp.concatenate(carry))
    np.testing.assert_allclose(jnp.linalg.det(jacobian), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_step": 0.0}, "time_step must be .*, got 0.0"),
        ({"alpha": -1.0}, "alpha must be at least 0, got -1.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        UnICORNN(hidden_size=4, **arguments)
