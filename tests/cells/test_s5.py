import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from recurrax import unroll
from recurrax.cells.s5 import S5, hippo_normal

VARIANTS = [
    S5(hidden_size=4),
    S5(hidden_size=4, output_size=2, blocks=2, conjugate_symmetry=False, discretization="bilinear", step_max=1.0),
    S5(hidden_size=3, output_size=2, left_half_plane=True, step_min=0.1),
]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, blocks=1)


def oracle_step(cell, params, carry, x):
    """Smith, Warrington & Linderman (2023), sections 2.1 and 3."""
    re = np.minimum(params.lambda_re, -1e-4) if cell.left_half_plane else params.lambda_re
    lam, step = re + 1j * params.lambda_im, np.exp(params.log_step)
    b, c = params.w_x_re + 1j * params.w_x_im, params.w_y_re + 1j * params.w_y_im
    if cell.discretization == "zoh":
        decay, scale = np.exp(lam * step), (np.exp(lam * step) - 1) / lam
    else:
        inverse = 1 / (1 - step / 2 * lam)
        decay, scale = inverse * (1 + step / 2 * lam), inverse * step
    h = decay * carry.h + scale * (x @ b)
    return type(carry)(h), (2 if cell.conjugate_symmetry else 1) * (h @ c).real


def hippo(size):
    """The matrix of HiPPO-LegS (Gu et al. 2020)."""
    n, k = np.indices((size, size))
    return -np.where(n > k, np.sqrt((2 * n + 1) * (2 * k + 1)), np.where(n == k, n + 1, 0))


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_the_eigenvectors_diagonalise_hippo_without_its_rank_one_part(size):
    eigenvalues, v = hippo_normal(size)
    p = np.sqrt(np.arange(size) + 0.5)
    np.testing.assert_allclose(
        v @ np.diag(eigenvalues) @ v.conj().T, hippo(size) + np.outer(p, p), atol=1e-12 * size**2
    )
    np.testing.assert_allclose(v.conj().T @ v, np.eye(size), atol=1e-12)
    np.testing.assert_allclose(eigenvalues.imag, -eigenvalues.imag[::-1], atol=1e-12 * size**2)
    assert (v[0].real > 0).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_at_first_it_is_the_real_system_with_its_input_held_for_a_step(x64, symmetric):
    cell = S5(hidden_size=4, conjugate_symmetry=symmetric, step_min=0.3, step_max=0.3)
    params = cell.init(jax.random.key(0), 3)
    size = 8 if symmetric else 4
    _, v = hippo_normal(size)
    v = v[:, :4]

    def real(h):
        return 2 * (v @ h).real if symmetric else (v @ h).real

    p = np.sqrt(np.arange(size) + 0.5)
    a = hippo(size) + np.outer(p, p)
    b = np.stack([real(column) for column in np.asarray(params.w_x_re) + 1j * np.asarray(params.w_x_im)], axis=1)
    decay = scipy.linalg.expm(0.3 * a)
    held = np.linalg.solve(a, (decay - np.eye(size)) @ b)
    xs = np.random.default_rng(0).normal(size=(20, 3))
    state = np.zeros(size)
    for x in xs:
        state = decay @ state + held @ x
    carry, _ = unroll(cell, params, jnp.asarray(xs))
    np.testing.assert_allclose(real(np.asarray(carry.h)), state, rtol=1e-10)


def test_blocks_begin_as_equal_systems_side_by_side():
    params = S5(hidden_size=6, blocks=3).init(jax.random.key(0), 2)
    np.testing.assert_array_equal(params.lambda_im, np.tile(params.lambda_im[:2], 3))
    np.testing.assert_allclose(params.lambda_re, -0.5, rtol=1e-6)
    assert (params.lambda_im < 0).all()


def test_steps_are_drawn_uniformly_in_their_logarithm():
    log_step = np.asarray(S5(hidden_size=2000, blocks=500).init(jax.random.key(0), 1).log_step) / np.log(10)
    assert -3 - 1e-5 <= log_step.min() and log_step.max() <= -1 + 1e-5
    np.testing.assert_allclose(np.quantile(log_step, [0.25, 0.5, 0.75]), [-2.5, -2, -1.5], atol=0.1)


def test_in_the_left_half_plane_no_parameters_make_it_grow():
    cell = S5(hidden_size=3, left_half_plane=True)
    params = cell.init(jax.random.key(0), 2)._replace(lambda_re=jnp.array([5.0, 0.0, -1.0]))
    assert (jnp.abs(cell.prepare(params).decay) < 1).all()


def test_an_eigenvalue_of_zero_sums_its_inputs_up_and_has_the_gradient_of_the_limit(x64):
    cell = S5(hidden_size=2, output_size=1)
    params = cell.init(jax.random.key(0), 2)
    params = params._replace(lambda_re=jnp.zeros(2), lambda_im=jnp.zeros(2))
    xs = jax.random.normal(jax.random.key(1), (9, 2))
    b = np.asarray(params.w_x_re) + 1j * np.asarray(params.w_x_im)
    expected = np.exp(params.log_step) * (np.asarray(xs) @ b).sum(0)
    np.testing.assert_allclose(unroll(cell, params, xs)[0].h, expected, rtol=1e-10)

    def slope(lambda_re):
        return jax.grad(lambda a: unroll(cell, params._replace(lambda_re=a), xs)[1].sum())(lambda_re)

    np.testing.assert_allclose(slope(jnp.zeros(2)), slope(jnp.full(2, -1e-6)), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"blocks": 3}, ValueError, "blocks must divide hidden_size = 4, got 3"),
        ({"step_min": 0}, ValueError, "step_min must be above 0, got 0"),
        ({"step_min": 0.5}, ValueError, "step_max must be at least step_min = 0.5, got 0.1"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        S5(**{"hidden_size": 4, **arguments})
