import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, unroll
from recurrax.cells._base.convolution import convolve
from recurrax.cells.conv_lstm import ConvLSTM
from recurrax.cells.lstm import LSTMParams
from tests.cells.convolutions import correlate, inputs, smallest
from tests.oracles import sigmoid

__all__ = ["inputs", "smallest"]

VARIANTS = [
    ConvLSTM(hidden_size=2, spatial_shape=(3, 2)),
    ConvLSTM(hidden_size=2, spatial_shape=(4,), kernel_size=2, peepholes=False, use_bias=False, forget_bias=0.0),
    ConvLSTM(hidden_size=1, spatial_shape=(2, 1, 3)),
]


def oracle_gates(cell, params, carry, x):
    """Shi et al. (2015)."""
    a = correlate(x, params.w_x) + correlate(carry.h, params.w_h) + (0 if params.b is None else params.b)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)
    p = np.zeros(3) if params.p is None else params.p
    i, f, g = sigmoid(a_i + p[0] * carry.c), sigmoid(a_f + p[1] * carry.c), np.tanh(a_g)
    return {"i": i, "f": f, "g": g, "o": sigmoid(a_o + p[2] * (f * carry.c + i * g))}


def oracle_step(cell, params, carry, x):
    gates = oracle_gates(cell, params, carry, x)
    c = gates["f"] * carry.c + gates["i"] * gates["g"]
    h = gates["o"] * np.tanh(c)
    return type(carry)(h=h, c=c), h


def test_the_convolution_is_that_of_scipy():
    import scipy.signal  # takes a second, which every collection of the tests would

    rng = np.random.default_rng(0)
    a, kernel = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(3, 3, 3, 2))
    got = convolve(jnp.asarray(a), jnp.asarray(kernel))
    for b, n in np.ndindex(2, 2):
        expected = sum(scipy.signal.correlate2d(a[b, ..., c], kernel[..., c, n], mode="same") for c in range(3))
        np.testing.assert_allclose(got[b, ..., n], expected, atol=1e-5)


def test_at_a_single_place_it_is_the_lstm():
    cell = ConvLSTM(hidden_size=4, spatial_shape=(1, 1), kernel_size=1, peepholes=False)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    plain = unroll(LSTM(4), LSTMParams(params.w_x[0, 0], params.w_h[0, 0], params.b), xs)[1]
    np.testing.assert_allclose(unroll(cell, params, xs[:, :, None, None])[1][:, :, 0, 0], plain, atol=1e-6)


def test_a_kernel_has_the_scale_of_a_matrix_over_its_window():
    params = ConvLSTM(hidden_size=64, spatial_shape=(4, 4), kernel_size=5).init(jax.random.key(0), 16)
    np.testing.assert_allclose(params.w_x.std(), (25 * 16) ** -0.5, rtol=0.02)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (5, 2, 4, 3),
            r"xs has the spatial shape \(2, 4\) \(shape \(5, 2, 4, 3\), \[T, \*B, H, W, C\]\), ConvLSTM.*\(4, 4\)",
        ),
        ((5, 9, 6, 4, 3), r"xs has the spatial shape \(6, 4\)"),
        ((5, 3), r"xs must have at least 4 axes, \[T, \*B, H, W, C\], for ConvLSTM"),
    ],
)
def test_inputs_that_do_not_fit_in_space_are_named(shape, message):
    cell = ConvLSTM(hidden_size=2, spatial_shape=(4, 4))
    params = cell.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=message):
        unroll(cell, params, jnp.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"spatial_shape": ()}, TypeError, r"spatial_shape must be a tuple of one to three sizes, got \(\)"),
        ({"spatial_shape": (2, 2, 2, 2)}, TypeError, "spatial_shape must be a tuple of one to three sizes"),
        ({"spatial_shape": (0,)}, ValueError, "spatial_shape must be at least 1, got 0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        ConvLSTM(hidden_size=4, **arguments)
