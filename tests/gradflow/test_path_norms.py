import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, gradflow
from tests.gradflow.references import (
    CELLS,
    FEATURES,
    IDS,
    explicit_jacobians,
    exploding,
    loss,
    runs,
    saturated,
    sequences,
)


@pytest.mark.parametrize("cell", CELLS, ids=IDS)
@pytest.mark.parametrize("kind", [pytest.param("plain", marks=pytest.mark.slow), "all"])
def test_the_total_is_what_gradient_norms_measures(x64, cell, kind):
    params, xs, arguments = cell.init(jax.random.key(0), FEATURES), sequences(), runs()[kind]
    paths = gradflow.path_norms(gradflow.trajectory(cell, params, xs, **arguments), loss)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs, **arguments), loss)
    np.testing.assert_allclose(paths.total, norms.joint, atol=1e-12)


def test_a_state_of_one_field_has_no_other_path():
    cell = CELLS[0]
    paths = gradflow.path_norms(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences()), loss)
    assert np.isneginf(paths.rest).all()
    np.testing.assert_allclose(paths.fields.h, paths.total, atol=1e-5)


@pytest.mark.parametrize(
    "kind", [k if k in ("plain", "all") else pytest.param(k, marks=pytest.mark.slow) for k in runs()]
)
def test_parts_are_those_of_explicit_block_products(x64, kind):
    """The loss enters through h_T; each part is a product of blocks of explicit Jacobians."""
    cell, xs, arguments = LSTM(5), sequences(), runs()[kind]
    params = cell.init(jax.random.key(0), FEATURES)
    paths = gradflow.path_norms(gradflow.trajectory(cell, params, xs, **arguments), lambda ys, carry: carry.h.sum())
    h, c = slice(0, 5), slice(5, 10)
    for example in range(xs.shape[1]):
        sent = np.concatenate([np.ones(5), np.zeros(5)])
        total = stay_h = stay_c = None
        for k, matrix in enumerate(reversed(explicit_jacobians(cell, params, xs, example, **arguments)), start=1):
            if k == 1:
                total = sent @ matrix
                stay_h, stay_c = total[h], total[c]
            else:
                total = total @ matrix
                stay_h, stay_c = stay_h @ matrix[h, h], stay_c @ matrix[c, c]
            rest = total - np.concatenate([stay_h, stay_c])
            got = [paths.fields.h, paths.fields.c, paths.rest]
            for measured, part in zip(got, (stay_h, stay_c, rest), strict=True):
                scale = np.linalg.norm(total)
                np.testing.assert_allclose(
                    np.exp(measured[len(xs) - k, example]), np.linalg.norm(part), rtol=1e-9, atol=1e-13 * scale
                )


def test_what_stays_in_c_is_the_product_of_the_forget_gates(x64):
    cell, xs = LSTM(5, forget_bias=2.0), sequences(batch=())
    params = cell.init(jax.random.key(0), FEATURES)
    paths = gradflow.path_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: carry.c.sum())
    f = gradflow.gate_activations(gradflow.trajectory(cell, params, xs)).f
    # dc_t/dc_{t-1} with h held: from the last step's derivative of c alone, the product of f.
    product = jnp.cumprod(f[::-1], axis=0)
    np.testing.assert_allclose(paths.fields.c[:-1][::-1], jnp.log(jnp.linalg.norm(product, axis=-1)), atol=1e-12)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (4, 0)])
def test_empty_and_single_sizes(shape):
    cell = LSTM(1)
    params = cell.init(jax.random.key(0), FEATURES)
    paths = gradflow.path_norms(
        gradflow.trajectory(cell, params, jnp.ones((*shape, FEATURES))), lambda ys, carry: carry.c.sum()
    )
    assert paths.total.shape == paths.rest.shape == paths.fields.c.shape == (shape[0] + 1, shape[1])


def test_parts_of_a_saturated_unit_are_right_and_those_of_a_run_that_is_not_finite_nan():
    paths = gradflow.path_norms(saturated(7.5), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose([paths.total[0], paths.fields.h[0]], -310.274, atol=1e-3)
    paths = gradflow.path_norms(exploding(200), lambda ys, carry: ys[-1].sum())
    assert np.isnan(paths.total).all() and np.isnan(paths.fields.h).all() and np.isnan(paths.rest).all()
