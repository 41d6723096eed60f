import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, gradflow
from recurrax.cells.lru import LRU
from recurrax.initializers import OrthogonalPerGate
from tests.gradflow.references import FEATURES, explicit_jacobians, exploding, runs, sequences
from tests.gradflow.test_lyapunov import GivenMatrix


def sum_of_h(ys, carry):
    return jnp.sum(carry.h)


@pytest.mark.parametrize("kind", ["plain", pytest.param("all", marks=pytest.mark.slow)])
def test_gains_and_shares_are_those_of_the_singular_directions_of_the_multiplied_matrices(x64, kind):
    cell, xs, arguments = LSTM(3), sequences(), runs()[kind]
    if kind == "plain":
        xs = xs[:6, :1]
    params = cell.init(jax.random.key(0), FEATURES)
    got = gradflow.gradient_alignment(gradflow.trajectory(cell, params, xs, **arguments), sum_of_h)
    g = np.concatenate([np.ones(3), np.zeros(3)]) / np.sqrt(3)
    for example in range(xs.shape[1]):
        matrices = explicit_jacobians(cell, params, xs, example, **arguments)
        product = np.eye(6)
        for t in range(len(xs), -1, -1):
            u, values, _ = np.linalg.svd(product)
            cosines, leads = u.T @ g, values >= 0.1 * values[0]
            if values[0] > 0:
                expected = {
                    "log_gain": 0.5 * np.log(np.sum(values**2 * cosines**2)),
                    "log_largest_gain": np.log(values[0]),
                    "log_random_gain": 0.5 * np.log(np.mean(values**2)),
                    "log_share": np.log(np.sum(cosines[leads] ** 2)),
                    "leading": leads.sum(),
                }
            else:  # over a reset
                expected = {name: -np.inf for name in got._fields} | {"leading": 0}
            for name, value in expected.items():
                np.testing.assert_allclose(getattr(got, name)[t, example], value, atol=1e-9, err_msg=name)
            product = product @ matrices[t - 1] if t else product


@pytest.mark.slow
def test_the_gain_is_that_of_gradient_norms_though_the_state_is_complex(x64):
    cell, xs = LRU(hidden_size=3), sequences(10)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs)

    def loss(ys, carry):
        return jnp.sum(ys[-1] ** 2)

    norms = gradflow.gradient_norms(path, loss).joint
    np.testing.assert_allclose(gradflow.gradient_alignment(path, loss).log_gain, norms - norms[-1:], atol=1e-10)


def test_directions_that_a_loss_sees_or_not_are_told_apart_beyond_the_range_of_floats():
    """Two units of their own, one that halves and one that fades a thousandfold per step."""
    matrices = jnp.broadcast_to(jnp.diag(jnp.array([0.5, 1e-3])), (200, 2, 2))
    path = gradflow.trajectory(GivenMatrix(2), (), matrices)
    seen = gradflow.gradient_alignment(path, lambda ys, carry: ys[-1, 0])
    blind = gradflow.gradient_alignment(path, lambda ys, carry: ys[-1, 1])
    for got in (seen, blind):
        np.testing.assert_allclose(got.log_largest_gain[0], 200 * np.log(0.5), rtol=1e-5)
        np.testing.assert_allclose(got.log_random_gain[0], 200 * np.log(0.5) - 0.5 * np.log(2), rtol=1e-5)
        np.testing.assert_array_equal(got.leading[:-1], 1)
    np.testing.assert_allclose(seen.log_gain, seen.log_largest_gain, rtol=1e-5)
    np.testing.assert_allclose(seen.log_share, 0, atol=1e-5)
    np.testing.assert_allclose(blind.log_gain[0], 200 * np.log(1e-3), rtol=1e-5)
    assert (blind.log_share[:-1] < -20).all() and blind.log_share[-1] == pytest.approx(0, abs=1e-5)


def test_in_an_orthogonal_linear_network_every_direction_leads_and_nothing_is_lost():
    cell = RNN(6, activation="identity", recurrent_init=OrthogonalPerGate())
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences(300))
    got = gradflow.gradient_alignment(path, sum_of_h)
    np.testing.assert_array_equal(got.leading, 6)
    for log in (got.log_share, got.log_gain, got.log_largest_gain, got.log_random_gain):
        np.testing.assert_allclose(log, 0, atol=1e-3)


@pytest.mark.slow
def test_of_the_gradient_that_earlier_outputs_send_nothing_counts():
    cell, xs = LSTM(4), sequences()
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs)
    last = gradflow.gradient_alignment(path, lambda ys, carry: ys[-1].sum())
    every = gradflow.gradient_alignment(path, lambda ys, carry: ys.sum())
    np.testing.assert_allclose(last.log_gain, every.log_gain, atol=1e-5)


def test_without_a_gradient_or_with_states_that_are_not_finite_all_is_nan():
    silent = gradflow.gradient_alignment(exploding(5), lambda ys, carry: 0.0 * ys.sum())
    broken = gradflow.gradient_alignment(exploding(200), lambda ys, carry: ys[-1].sum())
    for got in (silent, broken):
        assert all(np.isnan(a).all() for a in got)


@pytest.mark.parametrize("shape", [(0, 3), *(pytest.param(s, marks=pytest.mark.slow) for s in [(1, 3), (4, 0)])])
def test_empty_and_single_sizes(shape):
    cell = LSTM(1)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.ones((*shape, FEATURES)))
    got = gradflow.gradient_alignment(path, sum_of_h)
    assert all(a.shape == (shape[0] + 1, shape[1]) for a in got)


@pytest.mark.parametrize("within", [0.0, 1.5, float("nan"), "all"])
def test_a_share_is_of_directions_within_a_factor_between_zero_and_one(within):
    path = exploding(2)
    with pytest.raises((TypeError, ValueError), match="within must be"):
        gradflow.gradient_alignment(path, lambda ys, carry: ys.sum(), within)
