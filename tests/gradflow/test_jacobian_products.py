import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, gradflow
from recurrax.initializers import OrthogonalPerGate
from tests.gradflow.references import CELLS, FEATURES, IDS, explicit_jacobians, exploding, runs, saturated, sequences
from tests.gradflow.test_lyapunov import GivenMatrix


@pytest.mark.parametrize("cell", CELLS, ids=IDS)
@pytest.mark.parametrize("kind", [pytest.param("plain", marks=pytest.mark.slow), "all"])
def test_singular_values_are_those_of_the_multiplied_matrices(x64, cell, kind):
    params, xs, arguments = cell.init(jax.random.key(0), FEATURES), sequences(), runs()[kind]
    products = gradflow.jacobian_products(gradflow.trajectory(cell, params, xs, **arguments))
    for example in range(xs.shape[1]):
        matrices = explicit_jacobians(cell, params, xs, example, **arguments)
        product = np.eye(len(matrices[0]))
        for t in range(len(xs), -1, -1):
            values = np.linalg.svd(product, compute_uv=False)
            reliable = values > 1e-6 * max(values[0], 1e-300)
            got = np.asarray(products.log_singular_values[t, example])
            if values[0] == 0:
                assert np.isneginf(got).all() and np.isneginf(products.log_frobenius[t, example])
            else:
                np.testing.assert_allclose(got[reliable], np.log(values[reliable]), atol=1e-8)
                norm = np.log(np.linalg.norm(product))
                np.testing.assert_allclose(products.log_frobenius[t, example], norm, atol=1e-10)
            product = product @ matrices[t - 1] if t else product


def test_all_singular_values_are_right_where_they_span_more_than_floats_can_hold(x64):
    """Diagonal factors: the logs are known exactly, and lie 3000 nats apart."""
    rates = np.array([0.9, -1.3, 0.1, -5.1])
    matrices = jnp.broadcast_to(jnp.diag(jnp.exp(rates)), (500, 4, 4))
    got = gradflow.jacobian_products(gradflow.trajectory(GivenMatrix(4), (), matrices)).log_singular_values[0]
    np.testing.assert_allclose(got, 500 * np.sort(rates)[::-1], rtol=1e-9)


def test_float32_keeps_small_singular_values_of_a_random_product():
    """Each prefix determinant is a sum of logs that float64 knows; float32 must find the same smallest value."""
    rng = np.random.default_rng(0)
    matrices = (rng.standard_normal((40, 8, 8)) / np.sqrt(8)).astype(np.float32)
    got = np.asarray(
        gradflow.jacobian_products(gradflow.trajectory(GivenMatrix(8), (), jnp.asarray(matrices))).log_singular_values[
            0
        ]
    )
    logdet = sum(np.linalg.slogdet(m.astype(np.float64))[1] for m in matrices)
    assert got[0] - got[-1] > 50
    np.testing.assert_allclose(got.sum(), logdet, atol=5e-3)


def test_an_orthogonal_linear_network_keeps_every_singular_value_at_one():
    cell = RNN(6, activation="identity", recurrent_init=OrthogonalPerGate())
    products = gradflow.jacobian_products(
        gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences(steps=1000))
    )
    np.testing.assert_allclose(products.log_singular_values, 0.0, atol=2e-3)


def test_a_gradient_is_never_larger_than_the_leading_singular_value_allows(x64):
    cell, xs = LSTM(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, xs), lambda ys, carry: carry.c.sum() + carry.h.sum()
    ).joint
    bound = gradflow.jacobian_products(gradflow.trajectory(cell, params, xs)).log_singular_values[..., 0] + norms[-1:]
    assert (norms <= bound + 1e-12).all()


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (4, 0)])
def test_empty_and_single_sizes(shape):
    cell = LSTM(1)
    products = gradflow.jacobian_products(
        gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.ones((*shape, FEATURES)))
    )
    assert products.log_singular_values.shape == (shape[0] + 1, shape[1], 2)
    assert products.log_frobenius.shape == (shape[0] + 1, shape[1])


def test_products_of_a_saturated_unit_are_those_of_its_slopes_and_not_finite_ones_nan():
    products = gradflow.jacobian_products(saturated(7.5))
    np.testing.assert_allclose(products.log_singular_values[0], -310.274, atol=1e-3)
    products = gradflow.jacobian_products(exploding(200))
    assert np.isnan(products.log_frobenius).all() and np.isnan(products.log_singular_values).all()


def test_a_product_over_a_reset_is_zero_though_a_state_before_or_behind_it_is_not_finite():
    cell, xs = LSTM(2), sequences(6).at[1].set(jnp.nan)
    resets = jnp.zeros(xs.shape[:2], bool).at[3].set(True)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs, resets=resets)
    log_frobenius = gradflow.jacobian_products(path).log_frobenius
    assert np.isneginf(log_frobenius[:4]).all() and np.isfinite(log_frobenius[4:]).all()
