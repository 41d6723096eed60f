import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, Cell, gradflow
from recurrax.cell import dot
from recurrax.initializers import OrthogonalPerGate
from tests.gradflow.references import FEATURES, explicit_jacobians, exploding, saturated, sequences


class Carry(NamedTuple):
    h: Any


@dataclasses.dataclass(frozen=True)
class GivenMatrix(Cell):
    """h_t = x_t h_{t-1} for a matrix x_t: the Jacobians are what the test gives."""

    size: int

    input_ndim = 2

    def init(self, key, input_size):
        return ()

    def initial_carry(self, weights, batch_shape=()):
        return Carry(jnp.zeros((*batch_shape, self.size)))

    def project(self, weights, x, key=None):
        return x

    def step(self, weights, carry, z, dot=dot):
        return Carry(jnp.einsum("...ij,...j->...i", z, carry.h))

    def zero_input(self, input_size):
        return jnp.zeros((self.size, input_size))


@dataclasses.dataclass(frozen=True)
class Rotation(Cell):
    """A complex state, turned and shrunk: both exponents are the log of the shrinking."""

    modulus: float

    def init(self, key, input_size):
        return ()

    def initial_carry(self, weights, batch_shape=()):
        return Carry(jnp.zeros((*batch_shape, 1), complex))

    def project(self, weights, x, key=None):
        return x

    def step(self, weights, carry, z, dot=dot):
        return Carry(self.modulus * jnp.exp(1j * 0.7) * carry.h + z.astype(carry.h.dtype))


def test_exponents_are_those_of_qr_on_explicit_jacobians(x64):
    cell, xs = LSTM(5), sequences(steps=60)
    params = cell.init(jax.random.key(0), FEATURES)
    got = gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs))
    for example in range(xs.shape[1]):
        q, _ = np.linalg.qr(np.asarray(jax.random.normal(jax.random.key(0), (10, 10))))
        growth = np.zeros(10)
        for matrix in explicit_jacobians(cell, params, xs, example):
            q, r = np.linalg.qr(matrix @ q)
            growth += np.log(np.abs(np.diag(r)))
        np.testing.assert_allclose(got[example], np.sort(growth / 60)[::-1], atol=1e-9)


def test_the_sum_of_the_spectrum_is_the_mean_log_determinant(x64):
    matrices = jax.random.normal(jax.random.key(0), (200, 6, 6))
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(GivenMatrix(6), (), matrices))
    np.testing.assert_allclose(spectrum.sum(), np.linalg.slogdet(matrices)[1].mean(), atol=1e-10)


def test_a_complex_state_counts_as_pairs_of_reals(x64):
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(Rotation(0.8), (), jnp.ones((50, 1))))
    np.testing.assert_allclose(spectrum, [np.log(0.8)] * 2, atol=1e-12)


def test_the_leading_exponents_are_the_head_of_the_full_spectrum():
    matrices = jax.random.normal(jax.random.key(0), (5000, 6, 6))
    full = gradflow.lyapunov_spectrum(gradflow.trajectory(GivenMatrix(6), (), matrices))
    np.testing.assert_allclose(
        gradflow.lyapunov_spectrum(gradflow.trajectory(GivenMatrix(6), (), matrices), k=2), full[:2], atol=0.01
    )


def test_steps_that_do_not_exist_are_not_counted(x64):
    cell, xs = RNN(4), sequences(steps=30, batch=())
    params = cell.init(jax.random.key(0), FEATURES)
    mask = jnp.arange(30) % 3 != 0
    masked = gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs, mask=mask))
    np.testing.assert_allclose(
        masked, gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs[mask])), atol=1e-12
    )


def test_a_reset_forgets_every_difference():
    cell, xs = RNN(4), sequences(steps=9, batch=())
    spectrum = gradflow.lyapunov_spectrum(
        gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs, resets=jnp.arange(9) == 4)
    )
    assert np.isneginf(spectrum).all()


def test_warm_up_leaves_the_first_steps_out():
    matrices = jnp.concatenate([jnp.full((5, 1, 1), 3.0), jnp.full((5, 1, 1), 0.5)])
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(GivenMatrix(1), (), matrices), warm_up=5)
    np.testing.assert_allclose(spectrum, np.log(0.5), rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_runs_through_the_qr_in_float32(dtype):
    cell = RNN(4, activation="identity", recurrent_init=OrthogonalPerGate(gain=0.5))
    params = jax.tree.map(lambda a: a.astype(dtype), cell.init(jax.random.key(0), FEATURES))
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, jnp.zeros((40, FEATURES), dtype)))
    assert spectrum.dtype == jnp.float32
    np.testing.assert_allclose(spectrum, np.log(0.5), atol=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": 9}, "k must be at most 4"),
        ({"warm_up": -1}, "warm_up must be at least 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    cell = RNN(4)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences())
    with pytest.raises(ValueError, match=message):
        gradflow.lyapunov_spectrum(path, **arguments)


@pytest.mark.parametrize(("bias", "expected"), [(7.5, -15.514), (40.0, -80.514)])
def test_a_saturated_unit_has_its_exponent_in_float32(bias, expected):
    np.testing.assert_allclose(gradflow.lyapunov_spectrum(saturated(bias)), expected, atol=1e-3)


def test_a_run_that_is_not_finite_has_no_exponents_whatever_is_counted():
    path = exploding(200, batch=(1,))
    assert int(path.first_not_finite[0]) > 100
    assert np.isnan(gradflow.lyapunov_spectrum(path, k=2)).all()
    assert np.isnan(gradflow.lyapunov_spectrum(path, k=2, warm_up=190)).all()


@pytest.mark.parametrize("warm_up", [20, 21])
def test_a_warm_up_that_leaves_no_step_is_refused(warm_up):
    with pytest.raises(ValueError, match=f"warm_up must be less than the 20 steps of path.*got {warm_up}"):
        gradflow.lyapunov_spectrum(saturated(0.0), warm_up=warm_up)
