import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import RNN, unroll
from recurrax.initializers import Constant, Gaussian, Identity, Zeros
from tests import oracles

VARIANTS = [
    RNN(hidden_size=4),
    RNN(hidden_size=4, activation="relu", use_bias=False, recurrent_init=Gaussian(gain=0.5)),
]


def oracle_step(cell, params, carry, x):
    """Elman (1990): h_t = phi(W x_t + U h_{t-1} + b)."""
    phi = oracles.ACTIVATIONS[cell.activation]
    b = 0 if params.b is None else params.b
    h = phi(params.w_x.T @ x + params.w_h.T @ carry.h + b)
    return type(carry)(h=h), h


def test_initial_state_is_zero():
    cell = RNN(hidden_size=4)
    assert not cell.initial_carry(cell.init(jax.random.key(0), 3), (2,)).h.any()


@pytest.mark.parametrize("activation", sorted(oracles.ACTIVATIONS))
def test_any_named_activation_is_applied_to_the_pre_activation(x64, activation):
    cell = RNN(hidden_size=5, activation=activation, bias_init=Constant(-0.3))
    params = cell.init(jax.random.key(0), 3)
    h, x = np.random.default_rng(0).normal(size=(2, 5)), np.random.default_rng(1).normal(size=(2, 3))
    carry = cell.step(params, cell.initial_carry(params)._replace(h=h), cell.project(params, jnp.asarray(x)))
    expected = oracles.ACTIVATIONS[activation](x @ np.asarray(params.w_x) + h @ np.asarray(params.w_h) - 0.3)
    np.testing.assert_allclose(carry.h, expected, rtol=1e-12, atol=1e-14)


def test_without_bias_there_is_none_and_nothing_in_gives_nothing_out():
    cell = RNN(hidden_size=4, use_bias=False)
    params = cell.init(jax.random.key(0), 3)
    assert params.b is None
    _, ys = unroll(cell, params, jnp.zeros((5, 3)))
    assert not ys.any()


def test_irnn_holds_a_non_negative_state_for_ever():
    cell = RNN(hidden_size=4, activation="relu", recurrent_init=Identity(), input_init=Zeros())
    params = cell.init(jax.random.key(0), 3)
    start = cell.initial_carry(params)._replace(h=jnp.array([0.0, 0.1, 1.0, 7.0]))
    carry, _ = unroll(cell, params, jnp.ones((1000, 3)), start)
    np.testing.assert_array_equal(carry.h, start.h)


def test_weights_have_the_documented_layout():
    params = RNN(hidden_size=4).init(jax.random.key(0), 3)
    assert (params.w_x.shape, params.w_h.shape, params.b.shape) == ((3, 4), (4, 4), (4,))


def test_weights_are_drawn_independently_of_each_other():
    params = RNN(hidden_size=4, input_init=Gaussian(), recurrent_init=Gaussian(), bias_init=Gaussian()).init(
        jax.random.key(0), 4
    )
    assert len({float(w.ravel()[0]) for w in params}) == 3


def test_the_simple_network_has_no_gates():
    cell = RNN(hidden_size=4)
    params = cell.init(jax.random.key(0), 3)
    carry = cell.initial_carry(params)
    assert cell.gates(params, carry, cell.project(params, jnp.ones(3))) is None
