import jax
import jax.numpy as jnp
import numpy as np

from recurrax import gradflow, unroll
from recurrax.cells.irnn import IRNN

VARIANTS = [IRNN(hidden_size=4), IRNN(hidden_size=3, use_bias=False)]


def oracle_step(cell, params, carry, x):
    """Le, Jaitly & Hinton (2015), section 3."""
    h = np.maximum(x @ params.w_x + carry.h @ params.w_h + (0 if params.b is None else params.b), 0)
    return type(carry)(h), h


def test_a_positive_state_and_its_gradient_stay_as_they_are_without_input():
    cell = IRNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    start = cell.initial_carry(params)._replace(h=jnp.array([1.0, 2.0, 3.0, 4.0]))
    carry, _ = unroll(cell, params, jnp.zeros((300, 3)), start)
    np.testing.assert_array_equal(carry.h, start.h)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.zeros((300, 3)), start), lambda ys, carry: ys[-1, 0]
    )
    np.testing.assert_array_equal(norms.joint, np.zeros(301))


def test_inputs_are_small_at_first():
    params = IRNN(hidden_size=200).init(jax.random.key(0), 100)
    np.testing.assert_allclose(params.w_x.std(), 0.001, rtol=0.03)
    np.testing.assert_array_equal(params.w_h, np.eye(200))
