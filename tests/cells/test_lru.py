import cmath

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.lru import LRU

VARIANTS = [LRU(hidden_size=4), LRU(hidden_size=4, output_size=2, r_min=0.9, r_max=0.99, max_phase=0.3)]


def oracle_step(cell, params, carry, x):
    """Orvieto et al. (2023), section 3: h = lambda h + gamma B x, y = Re(C h)."""
    decay = np.exp(-np.exp(params.log_nu) + 1j * np.exp(params.log_theta))
    b, c = params.w_x_re + 1j * params.w_x_im, params.w_y_re + 1j * params.w_y_im
    h = decay * carry.h + np.exp(params.log_gamma) * (x @ b)
    return type(carry)(h), (h @ c).real


def test_eigenvalues_lie_uniformly_on_the_ring_and_within_the_phase():
    cell = LRU(hidden_size=20_000, output_size=1, r_min=0.6, r_max=0.9, max_phase=1.0)
    decay = np.asarray(cell.prepare(cell.init(jax.random.key(0), 1)).decay)
    radius, phase = np.abs(decay), np.angle(decay)
    assert 0.6 - 1e-6 <= radius.min() and radius.max() <= 0.9 + 1e-6
    # Uniform over the area of the ring: r^2 is uniform.
    np.testing.assert_allclose(
        np.quantile(radius**2, [0.25, 0.5, 0.75]), 0.36 + 0.45 * np.array([1, 2, 3]) / 4, atol=0.01
    )
    np.testing.assert_allclose(np.quantile(phase, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)


def test_the_state_has_the_variance_of_its_input_projection():
    """gamma makes up for 1 / (1 - |lambda|^2), what white noise would be amplified by."""
    cell = LRU(hidden_size=64, r_min=0.8, r_max=0.95)
    params = cell.init(jax.random.key(0), 16)
    carry, _ = unroll(cell, params, jax.random.normal(jax.random.key(1), (300, 256, 16)))
    np.testing.assert_allclose(np.mean(np.abs(np.asarray(carry.h)) ** 2), 1, rtol=0.1)


def test_an_impulse_decays_by_the_eigenvalue(x64):
    cell = LRU(hidden_size=1)
    params = cell.init(jax.random.key(3), 1)
    start = cell.initial_carry(cell.prepare(params))._replace(h=jnp.array([1.0 + 0j]))
    carry, _ = unroll(cell, params, jnp.zeros((1000, 1)), start)
    log = -float(jnp.exp(params.log_nu[0])) + 1j * float(jnp.exp(params.log_theta[0]))
    np.testing.assert_allclose(carry.h[0], cmath.exp(1000 * log), rtol=1e-10)


def test_no_parameters_make_it_grow():
    cell = LRU(hidden_size=3)
    params = cell.init(jax.random.key(0), 2)._replace(log_nu=jnp.array([-20.0, 0.0, 5.0]))
    assert (jnp.abs(cell.prepare(params).decay) <= 1).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hidden_size": 4, "r_min": 0.9, "r_max": 0.5}, ValueError, "r_min < r_max <= 1, got r_min=0.9, r_max=0.5"),
        ({"hidden_size": 4, "r_max": 1.1}, ValueError, "got r_min=0.0, r_max=1.1"),
        ({"hidden_size": 4, "max_phase": 0}, ValueError, "max_phase must be above 0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        LRU(**arguments)
