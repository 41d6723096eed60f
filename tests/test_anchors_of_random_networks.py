"""Anchors of random networks: mean-field theory and Lyapunov exponents."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, Cell, gradflow
from recurrax.cell import dot
from recurrax.cells.lstm import LSTMCarry
from recurrax.cells.rnn import RNNParams
from recurrax.gradflow import theory
from recurrax.initializers import Gaussian


def random_tanh_rnn(size, weight_variance, input_variance, seed):
    """Parameters of a network whose inputs are white noise of `size` features."""
    cell = RNN(size, use_bias=False)
    key_x, key_h = jax.random.split(jax.random.key(seed))
    shape = (size, size)
    w_x = Gaussian(gain=math.sqrt(input_variance))(key_x, shape)
    return cell, RNNParams(w_x=w_x, w_h=Gaussian(gain=math.sqrt(weight_variance))(key_h, shape), b=None)


# sw2, sv2 R, and chi as simulated in NumPy with N = 600
CHI = [(0.5, 0.1, 0.3975), (1.0, 0.01, 0.8892), (2.0, 0.1, 1.0056), (2.0, 1.0, 0.6918), (3.0, 0.1, 1.1833)]


@pytest.mark.parametrize(("weight_variance", "input_variance", "published"), CHI)
def test_mean_field_chi_of_a_random_rnn(weight_variance, input_variance, published):
    """The mean squared gradient norm over 15 steps, N = 600: within 2 % of theory and of the published simulation."""
    size, steps, distance = 600, 40, 15
    cell, params = random_tanh_rnn(size, weight_variance, input_variance, seed=0)
    xs = jax.random.normal(jax.random.key(1), (steps, 32, size))
    probe = jax.random.normal(jax.random.key(2), (32, size))
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, xs), lambda ys, carry: jnp.sum(probe * carry.h)
    ).joint
    annealed = jax.nn.logsumexp(2 * norms, axis=1)  # log of the mean square, up to a constant
    chi = math.exp((annealed[-1 - distance] - annealed[-1]) / distance)
    np.testing.assert_allclose(chi, published, rtol=0.025)
    np.testing.assert_allclose(chi, theory.mean_field_tanh(weight_variance, input_variance).chi, rtol=0.02)


# sw2, sv2 R, lambda_1 as simulated in NumPy with N = 400, tolerance against that and against theory
DRIVEN = [
    (0.5, 0.1, -0.440, 0.025, 0.05),  # where chi is small, the leading exponent of a finite network lies above the mean
    (1.5, 0.1, -0.0607, 0.008, 0.008),
    (2.0, 0.1, 0.0009, 0.008, 0.008),
    (4.0, 0.1, 0.136, 0.008, 0.01),
]


@pytest.mark.parametrize(("weight_variance", "input_variance", "published", "to_published", "to_theory"), DRIVEN)
def test_driven_lyapunov_exponent_of_a_random_rnn(weight_variance, input_variance, published, to_published, to_theory):
    """lambda_1 = 1/2 ln chi, N = 400."""
    cell, params = random_tanh_rnn(400, weight_variance, input_variance, seed=0)
    xs = jax.random.normal(jax.random.key(1), (600, 400))
    exponent = float(gradflow.lyapunov_spectrum(gradflow.trajectory(cell, params, xs), k=1, warm_up=100)[0])
    assert abs(exponent - published) < to_published
    assert abs(exponent - theory.mean_field_tanh(weight_variance, input_variance).rate) < to_theory


# --- The LSTM's state is (h, c): what the forget bias does is invisible in h alone


class HiddenAlone(NamedTuple):
    """h, and c as integers, which have no derivative."""

    h: jax.Array
    c_bits: jax.Array


@dataclasses.dataclass(frozen=True)
class LSTMSeenThroughH(Cell):
    """An LSTM whose Jacobian is the block dh_t/dh_{t-1} with c frozen, which published codes take for the whole."""

    lstm: LSTM

    def init(self, key, input_size):
        return self.lstm.init(key, input_size)

    def initial_carry(self, weights, batch_shape=()):
        return self._hide(self.lstm.initial_carry(weights, batch_shape))

    def _hide(self, carry):
        return HiddenAlone(carry.h, jax.lax.bitcast_convert_type(carry.c, jnp.int32))

    def project(self, weights, x, key=None):
        return self.lstm.project(weights, x, key)

    def step(self, weights, carry, z, dot=dot):
        c = jax.lax.bitcast_convert_type(carry.c_bits, jnp.float32)
        return self._hide(self.lstm.step(weights, LSTMCarry(carry.h, c), z, dot))


# forget bias: lambda_1 of (h, c), its spread over seeds, lambda_1 of the block of h
LSTM_EXPONENTS = {
    0: (-0.326, 0.020, -1.459),
    1: (-0.063, 0.010, -1.486),
    3: (-0.006, 0.010, -1.482),
    5: (0.0013, 0.0009, -1.460),
}


def test_leading_exponent_of_an_lstm_shows_the_forget_bias_jointly_and_not_in_h_alone():
    """N = 32, five seeds, driven by noise that gives every pre-activation a standard deviation of 0.25."""
    hidden, seeds = 32, 5
    cell = LSTM(hidden, forget_bias=0.0, recurrent_init=Gaussian())
    xs = 0.25 * jax.random.normal(jax.random.key(1), (1100, hidden))

    def exponent(measured, forget_bias, key):
        params = cell.init(key, hidden)
        params = params._replace(b=params.b.at[hidden : 2 * hidden].set(forget_bias))
        return gradflow.lyapunov_spectrum(gradflow.trajectory(measured, params, xs), k=1, warm_up=100)[0]

    biases = jnp.array([float(b) for b in LSTM_EXPONENTS])
    keys = jax.random.split(jax.random.key(0), seeds)

    def over_biases_and_seeds(measured):
        over_seeds = jax.vmap(lambda b, key: exponent(measured, b, key), in_axes=(None, 0))
        return jax.vmap(over_seeds, in_axes=(0, None))(biases, keys)

    joint, alone = over_biases_and_seeds(cell), over_biases_and_seeds(LSTMSeenThroughH(cell))
    published = np.array(list(LSTM_EXPONENTS.values()))
    np.testing.assert_allclose(joint.mean(1), published[:, 0], atol=0.03)
    np.testing.assert_allclose(alone.mean(1), published[:, 2], atol=0.1)
    assert np.ptp(joint.mean(1)) > 0.3
    assert np.ptp(alone.mean(1)) < 0.1
