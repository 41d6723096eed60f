"""Published numbers and closed forms that cells, unrolling and gradient flow have to give together."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.special import polygamma

from recurrax import GRU, LSTM, RNN, Cell, gradflow, unroll
from recurrax.cell import dot
from recurrax.cells.rnn import RNNCarry, RNNParams
from recurrax.gradflow import theory
from recurrax.initializers import Gaussian, Zeros
from tests.oracles import sigmoid

# --- Saito, "Deep Learning from Scratch 2", ch06/rnn_gradient_graph.py: a gradient of ones through h W, 20 times


@pytest.mark.parametrize(("scale", "first", "last"), [(1.0, 2.468407, 249.495615), (0.5, 1.234203, 2.379376e-4)])
def test_saitos_teaching_plot(x64, scale, first, last):
    """numpy seed 3, H = 3, T = 20, batch N = 2; the norm is that of the whole batch, divided by N."""
    steps, batch, hidden = 20, 2, 3
    w_h = scale * np.random.RandomState(3).randn(hidden, hidden)
    cell = RNN(hidden, activation="identity", use_bias=False)
    params = RNNParams(w_x=jnp.zeros((1, hidden)), w_h=jnp.asarray(w_h), b=None)

    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.zeros((steps, batch, 1))), lambda ys, carry: ys[-1].sum()
    )
    curve = np.sqrt(np.exp(2 * np.asarray(norms.joint)).sum(1))[::-1] / batch

    np.testing.assert_allclose(curve[1], first, rtol=5e-7)
    np.testing.assert_allclose(curve[steps], last, rtol=5e-7)
    exact = theory.linear_rnn_log_norms(w_h, np.ones(hidden), steps)
    np.testing.assert_allclose(norms.joint[::-1], exact[:, None] * np.ones(batch), rtol=1e-12, atol=1e-12)


# --- The constant error carousel: dc_T/dc_0 = sigmoid(b)^T for an LSTM without weights


def carousel_log_norms(steps):
    """ln dc_T/dc_t of a weightless LSTM of one unit, for b = 0, 1, 2, 3, 5, `[5, T+1]`."""
    cell = LSTM(1, recurrent_init=Zeros(), input_init=Zeros())

    def log_norms(forget_bias):
        params = cell.init(jax.random.key(0), 1)
        params = params._replace(b=jnp.zeros(4).at[1].set(forget_bias))
        return gradflow.gradient_norms(
            gradflow.trajectory(cell, params, jnp.ones((steps, 1))), lambda ys, carry: carry.c.sum()
        ).fields.c

    return jax.vmap(log_norms)(jnp.array([0.0, 1.0, 2.0, 3.0, 5.0]))


CAROUSEL_AFTER_100 = [7.9e-31, 2.48e-14, 3.07e-6, 7.76e-3, 0.5109]


def test_the_constant_error_carousel_is_exact_over_10_000_steps(x64):
    distance = np.arange(10_001)
    expected = theory.forget_gate_log_norm(np.array([0, 1, 2, 3, 5])[:, None], distance)
    np.testing.assert_allclose(carousel_log_norms(10_000)[:, ::-1], expected, rtol=1e-12, atol=1e-13)


def test_the_constant_error_carousel_does_not_underflow_in_float32():
    """exp(-6931) at b = 0. The rate itself is good to 1e-5, since 1 - f has three digits less than f at b = 5."""
    log_norms = carousel_log_norms(10_000)
    assert log_norms.dtype == jnp.float32
    expected = theory.forget_gate_log_norm(np.array([0, 1, 2, 3, 5])[:, None], np.arange(10_001))
    np.testing.assert_allclose(log_norms[:, ::-1], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(np.asarray(log_norms[:, -101], np.float64)), CAROUSEL_AFTER_100, rtol=5e-3)


# --- Jacobians at the origin


def one_step_jacobian(cell, params, carry):
    """ds_1/ds_0 of one step without input, as a matrix over the flat state."""
    flat, unflatten = ravel_pytree(carry)

    def step(state):
        return ravel_pytree(unroll(cell, params, jnp.zeros((1, 1)), unflatten(state))[0])[0]

    return np.asarray(jax.jacfwd(step)(flat))


@pytest.mark.parametrize(("b_r", "b_z"), [(0.0, 0.0), (0.7, -1.5)])
def test_gru_jacobian_at_the_origin(x64, b_r, b_z):
    """(1 - z) I + z r W_n, so I/2 + W_n/4 without biases. Where z weighs the old state: z I + (1 - z) r W_n."""
    hidden = 6
    cell = GRU(hidden, recurrent_init=Gaussian())
    params = cell.init(jax.random.key(0), 1)
    params = params._replace(b=jnp.repeat(jnp.array([b_r, b_z, 0.0]), hidden))
    w_n = np.asarray(params.w_h)[:, 2 * hidden :]
    r, z = sigmoid(b_r), sigmoid(b_z)
    expected = (1 - z) * np.eye(hidden) + z * r * w_n.T

    np.testing.assert_allclose(one_step_jacobian(cell, params, cell.initial_carry(params)), expected, atol=1e-15)
    products = gradflow.jacobian_products(gradflow.trajectory(cell, params, jnp.zeros((3, 1))))
    singular_values = np.linalg.svd(np.linalg.matrix_power(expected, 3), compute_uv=False)
    np.testing.assert_allclose(products.log_singular_values[0], np.log(singular_values), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 5.0])
def test_joint_lstm_jacobian_at_the_origin(x64, forget_bias):
    """Of its 2N eigenvalues N are zero and N are sigmoid(b_f) + eig(W_g) / 4: rank N, and the carousel in full."""
    hidden = 6
    cell = LSTM(hidden, forget_bias=forget_bias, recurrent_init=Gaussian())
    params = cell.init(jax.random.key(0), 1)
    w_g = np.asarray(params.w_h)[:, 2 * hidden : 3 * hidden]
    jacobian = one_step_jacobian(cell, params, cell.initial_carry(params))

    assert np.linalg.matrix_rank(jacobian) == hidden
    eigenvalues = np.linalg.eigvals(jacobian)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues))]
    np.testing.assert_allclose(np.abs(eigenvalues[hidden:]), 0, atol=1e-7)  # N Jordan blocks of size 2 at most
    expected = sigmoid(forget_bias) + np.linalg.eigvals(w_g) / 4
    np.testing.assert_allclose(np.sort_complex(eigenvalues[:hidden]), np.sort_complex(expected), atol=1e-13)

    norms = gradflow.jacobian_products(gradflow.trajectory(cell, params, jnp.zeros((2, 1)))).log_singular_values
    assert np.all(norms[1, hidden:] < -30)
    np.testing.assert_allclose(
        norms[1, :hidden], np.log(np.linalg.svd(jacobian, compute_uv=False)[:hidden]), rtol=1e-11, atol=1e-12
    )


def test_an_orthogonal_linear_rnn_keeps_every_norm_for_1000_steps(x64):
    cell = RNN(16, activation="identity", use_bias=False)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (1000, 3, 2))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: jnp.sum(ys[-1] ** 2)).joint
    np.testing.assert_allclose(norms, np.broadcast_to(norms[-1], norms.shape), atol=1e-12)
    products = gradflow.jacobian_products(gradflow.trajectory(cell, params, xs[:, 0]))
    np.testing.assert_allclose(products.log_singular_values, 0, atol=1e-12)
    np.testing.assert_allclose(gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs[:, 0])), 0, atol=1e-14)


# --- Products of Gaussian matrices (Newman 1986), through a cell from outside the library


@dataclasses.dataclass(frozen=True)
class MatrixProduct(Cell):
    """h_t = A_t h_{t-1}, where the input is the matrix A_t; linear, so that it may stay at zero."""

    size: int
    input_ndim = 2

    def init(self, key, input_size):
        return ()

    def initial_carry(self, weights, batch_shape=()):
        return RNNCarry(jnp.zeros((*batch_shape, self.size)))

    def project(self, weights, x, key=None):
        return x

    def step(self, weights, carry, z, dot=dot):
        return RNNCarry(jnp.einsum("...ij,...j->...i", z, carry.h))


@pytest.mark.parametrize(("size", "steps"), [(8, 20_000), (32, 4000)], ids=["N=8", "N=32"])
def test_full_spectrum_of_gaussian_matrix_products(size, steps):
    """Every exponent within 4 standard errors, which are known: ln R_ii is ln of a chi variable, of variance psi'/4."""
    gain = 1.3
    matrices = gain / math.sqrt(size) * jax.random.normal(jax.random.key(0), (steps, size, size))
    spectrum = gradflow.lyapunov_spectrum(gradflow.trajectory(MatrixProduct(size), (), matrices))
    errors = np.sqrt(polygamma(1, (size - np.arange(size)) / 2) / 4 / steps)
    assert np.all(np.abs(spectrum - theory.gaussian_product_spectrum(size, gain)) < 4 * errors)


# --- Pascanu, Mikolov & Bengio 2013: one unit, x_t = w sigmoid(x_{t-1}) + b. Its state here is h_t = sigmoid(x_t).

UNIT = RNN(1, activation="sigmoid")


def unit_params(w, b):
    return RNNParams(w_x=jnp.zeros((1, 1)), w_h=jnp.reshape(w, (1, 1)), b=jnp.reshape(b, (1,)))


def run_unit(w, b, h_0, steps):
    return unroll(UNIT, unit_params(w, b), jnp.zeros((steps, 1)), RNNCarry(jnp.reshape(h_0, (1,))))[0].h[0]


FOLDS = (-2.655610, -2.344390)


def test_pascanus_unit_has_two_attractors_between_its_folds_and_one_outside(x64):
    """Fig. 3, w = 5: within 1e-4 of either fold, started from both ends of the range of h."""
    b = jnp.array([fold + side for fold in FOLDS for side in (-1e-4, 1e-4)])
    low, high = (jax.vmap(lambda b, h=h: run_unit(5.0, b, h, 5000))(b) for h in (0.0, 1.0))
    np.testing.assert_array_equal(high - low > 0.1, [False, True, True, False])
    np.testing.assert_allclose(low[jnp.array([0, 3])], high[jnp.array([0, 3])], atol=1e-6)


def test_gradients_neither_fade_nor_grow_at_a_fold_of_pascanus_unit(x64):
    """w h (1 - h) = 1 at h = 1/2 +- sqrt(1/20), and b from there: the Jacobian of every step is 1."""
    for fold, h in zip(FOLDS, 0.5 + math.sqrt(0.05) * np.array([1, -1]), strict=True):
        b = math.log(h / (1 - h)) - 5 * h
        assert abs(b - fold) < 5e-7
        carry = RNNCarry(jnp.array([h]))
        products = gradflow.jacobian_products(
            gradflow.trajectory(UNIT, unit_params(5.0, b), jnp.zeros((100, 1)), carry)
        )
        np.testing.assert_allclose(products.log_frobenius, 0, atol=1e-9)


def test_pascanus_error_wall(x64):
    """Fig. 6: E_50 = (sigmoid(x_50) - 0.7)^2 from x_0 = 0.5. The largest gradient is 55,000 times the median one."""
    w, b = jnp.linspace(4, 7, 301), jnp.linspace(-3.2, -1.8, 281)

    def error(w, b):
        return (run_unit(w, b, jax.nn.sigmoid(0.5), 50) - 0.7) ** 2

    over_b = jax.vmap(jax.grad(error, argnums=(0, 1)), in_axes=(None, 0))
    dw, db = jax.jit(jax.vmap(over_b, in_axes=(0, None)))(w, b)
    norms = np.sqrt(dw**2 + db**2)

    steepest = np.unravel_index(norms.argmax(), norms.shape)
    np.testing.assert_allclose([w[steepest[0]], b[steepest[1]]], [4.94, -2.575], atol=1e-12)
    np.testing.assert_allclose(norms.max(), 3320, rtol=2e-4)
    np.testing.assert_allclose(np.median(norms), 0.060, atol=5e-4)


# --- Mean field of the random tanh RNN under Gaussian input (Chen, Pennington & Schoenholz 2018)
