"""The bound from singular values, against products of Jacobians."""

import numpy as np
import pytest

from recurrax.gradflow import theory


def test_no_product_of_jacobians_is_larger_and_aligned_ones_are_as_large():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((6, 6))
    product = np.eye(6)
    for k in range(1, 9):
        product = product @ (matrix * rng.uniform(0, 0.25, 6))
        assert np.log(np.linalg.norm(product, 2)) <= theory.jacobian_log_norm_bound(matrix, k, 0.25) + 1e-12
    diagonal = np.diag([0.5, -2.0])
    np.testing.assert_allclose(theory.jacobian_log_norm_bound(diagonal, np.arange(3)), np.log(2) * np.arange(3))


def test_a_matrix_of_zeros_lets_nothing_through():
    np.testing.assert_array_equal(theory.jacobian_log_norm_bound(np.zeros((2, 2)), [0, 1]), [0, -np.inf])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((np.ones(3), 1), "must have 2 axes"), ((np.eye(2), -1), "distance must be at least 0"),
     ((np.eye(2), 1, -1.0), "greatest_slope must be at least 0")],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        theory.jacobian_log_norm_bound(*arguments)
