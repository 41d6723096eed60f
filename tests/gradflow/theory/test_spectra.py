"""Supports of eigenvalues, against the eigenvalues of random Jacobians of 500 units."""

import numpy as np
import pytest

from recurrax.gradflow import theory

SIZE = 500


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_eigenvalues_of_a_gated_unit():
    rng = np.random.default_rng(0)
    u_r, u_z, u_n = rng.standard_normal((3, SIZE, SIZE)) * 2.5 / SIZE**0.5
    h = rng.uniform(-1, 1, SIZE)
    r, z, n = sigmoid(rng.standard_normal(SIZE)), sigmoid(rng.standard_normal(SIZE)), rng.uniform(-1, 1, SIZE)
    through_r = np.diag(r) + (h * r * (1 - r))[:, None] * u_r
    jacobian = np.diag(1 - z) + (z * (1 - n**2))[:, None] * u_n @ through_r + ((n - h) * z * (1 - z))[:, None] * u_z
    eigenvalues = np.linalg.eigvals(jacobian)
    growth = theory.gated_unit_support(eigenvalues, h, r, z, n, 2.5)
    assert growth.min() > 0.9 and (growth < 1).mean() < 0.03
    radius = theory.support_radius(lambda point: theory.gated_unit_support(point, h, r, z, n, 2.5), 1 - z)
    assert np.abs(eigenvalues).max() == pytest.approx(radius, rel=0.05)


def test_eigenvalues_of_a_joint_state():
    rng = np.random.default_rng(1)
    u_i, u_f, u_g, u_o = rng.standard_normal((4, SIZE, SIZE)) * 3.0 / SIZE**0.5
    i, f, o = sigmoid(rng.standard_normal((3, SIZE)))
    g, before = np.tanh(rng.standard_normal(SIZE)), rng.standard_normal(SIZE)
    after = f * before + i * g
    rows = lambda a, u: a[:, None] * u
    into = rows(before * f * (1 - f), u_f) + rows(g * i * (1 - i), u_i) + rows(i * (1 - g**2), u_g)
    shown = o * (1 - np.tanh(after) ** 2)
    to_h = shown[:, None] * into + rows(np.tanh(after) * o * (1 - o), u_o)
    eigenvalues = np.linalg.eigvals(np.block([[np.diag(f), into], [np.diag(shown * f), to_h]]))
    units = {"before": before, "after": after, "i": i, "f": f, "g": g, "o": o, "gain": 3.0}
    radius = theory.support_radius(lambda point: theory.joint_cell_support(point, **units), f)
    assert np.abs(eigenvalues).max() == pytest.approx(radius, rel=0.05)
    assert theory.joint_cell_support(eigenvalues, **units).min() > 0.8


def test_a_unit_at_rest_has_a_disc_around_what_it_keeps():
    """h = n = 0: J = 1 - z + z r U, eigenvalues within z r g of 1 - z."""
    zero, r, z = np.zeros(4), np.full(4, 0.5), np.full(4, 0.25)
    growth = lambda point: theory.gated_unit_support(point, zero, r, z, zero, 4.0)
    assert theory.support_radius(growth, 1 - z) == pytest.approx(0.75 + 0.25 * 0.5 * 4.0)


def test_without_matrices_the_radius_is_what_is_kept():
    kept = np.array([0.2, 0.6])
    nothing = lambda point: theory.gated_unit_support(point, kept, kept, 1 - kept, kept, 0.0)
    assert theory.support_radius(nothing, kept) == pytest.approx(0.6)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="gain must be at least 0"):
        theory.gated_unit_support(1.0, [0.0], [0.5], [0.5], [0.0], -1.0)
    with pytest.raises(ValueError, match="kept must be finite"):
        theory.support_radius(lambda point: 2.0, [np.nan])
