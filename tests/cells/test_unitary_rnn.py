import jax
import jax.numpy as jnp
import numpy as np

from recurrax import gradflow, unroll
from recurrax.cells.unitary_rnn import UnitaryRNN
from recurrax.initializers import Zeros

VARIANTS = [UnitaryRNN(hidden_size=4), UnitaryRNN(hidden_size=3, permutation_seed=5)]
MAY_BE_ZERO = ("permutation_seed",)


def matrix(cell, params):
    """Arjovsky, Shah & Bengio (2016), as a product of matrices."""
    size = cell.hidden_size
    n = np.arange(size)
    fourier = np.exp(-2j * np.pi * np.outer(n, n) / size) / np.sqrt(size)
    d1, d2, d3 = (np.diag(np.exp(1j * p)) for p in params.phases)
    vectors = params.reflections_re + 1j * params.reflections_im
    r1, r2 = (np.eye(size) - 2 * np.outer(v, v.conj()) / np.linalg.norm(v) ** 2 for v in vectors)
    p = np.eye(size)[np.random.default_rng(cell.permutation_seed).permutation(size)]
    return d3 @ r2 @ np.linalg.inv(fourier) @ d2 @ p @ r1 @ fourier @ d1


def oracle_step(cell, params, carry, x):
    """h = modrelu(V x + W h; b), read out as [Re h, Im h]."""
    z = x @ params.w_x_re + 1j * (x @ params.w_x_im) + matrix(cell, params) @ carry.h
    h = np.where(np.abs(z) + params.b >= 0, (np.abs(z) + params.b) * np.exp(1j * np.angle(z)), 0)
    return type(carry)(h), np.concatenate([h.real, h.imag])


def test_the_matrix_is_unitary_and_the_gradient_keeps_its_norm_without_a_bias(x64):
    cell = UnitaryRNN(hidden_size=8, bias_init=Zeros())
    params = cell.init(jax.random.key(0), 3)
    w_h = cell.prepare(params).w_h
    np.testing.assert_allclose(w_h @ w_h.conj().T, np.eye(8), atol=1e-13)
    xs = jax.random.normal(jax.random.key(1), (100, 3))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.joint[1:], np.log(4), atol=1e-11)  # sqrt(2 H) = 4


def test_a_state_of_zeros_has_a_finite_gradient():
    cell = UnitaryRNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.zeros((3, 3)))[1].sum())(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
