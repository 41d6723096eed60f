"""The spectral radius of a matrix, by which one initialiser scales."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax._util.spectral_radius import spectral_radius
from recurrax.initializers import OrthogonalPerGate
from tests.test_initializers import KEY


@pytest.mark.parametrize("size", [1, 2, 5, 40])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_spectral_radius_equals_the_largest_modulus_of_an_eigenvalue(x64, size, scale):
    matrices = np.random.default_rng(size).normal(size=(5, size, size)) * scale
    expected = np.abs(np.linalg.eigvals(matrices)).max(axis=-1)
    np.testing.assert_allclose(jax.jit(jax.vmap(spectral_radius))(matrices), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], 0.0),
        ([[0.0, 1.0], [0.0, 0.0]], 0.0),  # nilpotent
        ([[0.0, -2.0], [2.0, 0.0]], 2.0),  # a complex pair
        ([[1.0, 0.0], [0.0, -1.0]], 1.0),  # two of one modulus
        ([[0.9, 1e3], [0.0, 0.9]], 0.9),  # far from normal, defective
        ([[-3.0]], 3.0),
    ],
)
def test_spectral_radius_of_matrices_with_a_trap(matrix, expected):
    assert spectral_radius(jnp.array(matrix)) == pytest.approx(expected, rel=1e-4)


def test_spectral_radius_is_one_for_an_orthogonal_matrix():
    assert spectral_radius(OrthogonalPerGate()(KEY, (50, 50))) == pytest.approx(1, rel=1e-5)
