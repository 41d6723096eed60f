import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from recurrax import gradflow, unroll
from recurrax.cells.exp_rnn import ExpRNN

VARIANTS = [
    ExpRNN(hidden_size=4),
    ExpRNN(hidden_size=5, skew_init="henaff", activation="tanh"),
]


def oracle_step(cell, params, carry, x):
    """Lezcano-Casado & Martinez-Rubio (2019), with modReLU."""
    a = np.triu(params.skew, 1)
    z = x @ params.w_x + carry.h @ scipy.linalg.expm(a - a.T)
    if cell.activation == "modrelu":
        h = np.where(np.abs(z) + params.b > 0, z + np.sign(z) * params.b, 0)
    else:
        h = np.tanh(z + params.b)
    return type(carry)(h), h


@pytest.mark.parametrize("skew_init", ["cayley", "henaff"])
def test_the_matrix_is_orthogonal_and_the_gradient_keeps_its_norm(x64, skew_init):
    cell = ExpRNN(hidden_size=7, skew_init=skew_init, activation="identity")
    params = cell.init(jax.random.key(0), 3)
    params = params._replace(skew=params.skew + jax.random.normal(jax.random.key(1), (7, 7)))
    w_h = cell.prepare(params).w_h
    np.testing.assert_allclose(w_h @ w_h.T, np.eye(7), atol=1e-13)
    np.testing.assert_allclose(jnp.linalg.det(w_h), 1, rtol=1e-12)
    xs = jax.random.normal(jax.random.key(2), (200, 3))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.joint, np.log(np.sqrt(7)), atol=1e-11)


def test_rotations_have_the_angles_of_their_scheme():
    size = 4000
    angles = np.diagonal(ExpRNN(size, skew_init="henaff").init(jax.random.key(0), 1).skew, 1)[::2]
    np.testing.assert_allclose([np.abs(angles).max(), angles.var()], [np.pi, np.pi**2 / 3], rtol=0.05)
    cayley = np.diagonal(ExpRNN(size).init(jax.random.key(0), 1).skew, 1)[::2]
    u = np.linspace(0, np.pi / 2, 10001)
    expected = -np.sqrt((1 - np.cos(u)) / (1 + np.cos(u)))  # as in the authors' code
    np.testing.assert_allclose([cayley.mean(), cayley.min()], [expected.mean(), expected.min()], rtol=0.03)


def test_no_gradient_is_lost_at_a_state_of_zeros():
    cell = ExpRNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.zeros((3, 3)))[1].sum())(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
