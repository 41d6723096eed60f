import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from recurrax import unroll
from recurrax.cells.lmu import LMU, legendre_memory
from recurrax.initializers import Gaussian

VARIANTS = [
    LMU(hidden_size=4, memory_size=5, window=7.0),
    # Linear, so that it grows without bound unless its weights are small.
    LMU(
        hidden_size=3,
        memory_size=2,
        window=4.0,
        activation="identity",
        recurrent_init=Gaussian(0.3),
        memory_init=Gaussian(0.3),
    ),
]


def matrices(cell):
    """Voelker et al. (2019), entry by entry, and scipy's zero-order hold."""
    import scipy.signal  # takes a second, which every collection of the tests would

    size = cell.memory_size
    a, b = np.zeros((size, size)), np.zeros((size, 1))
    for i in range(size):
        b[i] = (2 * i + 1) * (-1) ** i
        for j in range(size):
            a[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))
    system = (a / cell.window, b / cell.window, np.eye(size), np.zeros((size, 1)))
    a, b, *_ = scipy.signal.cont2discrete(system, dt=1.0, method="zoh")
    return a, b[:, 0]


def oracle_step(cell, params, carry, x):
    """The paper's layer, step by step."""
    a, b = matrices(cell)
    u = x @ params.e_x + carry.h @ params.e_h + carry.m @ params.e_m
    m = a @ carry.m + b * u
    h = x @ params.w_x + carry.h @ params.w_h + m @ params.w_m
    h = np.tanh(h) if cell.activation == "tanh" else h
    return type(carry)(h, m), h


def test_the_memory_reconstructs_a_delayed_signal(x64):
    """u(t - r theta) is the sum of m_i P_i(2 r - 1), P_i Legendre's polynomials."""
    size, window = 12, 100
    a, b = legendre_memory(size, window)
    time = np.arange(400)
    signal = np.sin(2 * np.pi * time / 80) + 0.5 * np.cos(2 * np.pi * time / 130)
    m = np.zeros(size)
    for u in signal:
        m = a @ m + b * u
    for share in (0.1, 0.5, 0.9):
        polynomials = [scipy.special.eval_legendre(i, 2 * share - 1) for i in range(size)]
        assert abs(m @ polynomials - signal[-1 - round(share * window)]) < 0.05


def test_an_impulse_stays_in_the_memory_for_a_window():
    cell = LMU(hidden_size=2, memory_size=8, window=50.0)
    params = cell.init(jax.random.key(0), 1)
    params = params._replace(e_x=jnp.ones((1, 1)), e_h=jnp.zeros((2, 1)))
    xs = jnp.zeros((200, 1)).at[0].set(1.0)
    size = [float(jnp.abs(unroll(cell, params, xs[:n])[0].m).sum()) for n in (10, 40, 200)]
    assert size[0] > 0.1 and size[1] > 0.1 and size[2] < 0.01 * size[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 0.0}, "window must be .*, got 0.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LMU(hidden_size=4, **arguments)
