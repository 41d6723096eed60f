import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import RNN, gradflow, unroll
from recurrax.cells.clockwork_rnn import ClockworkRNN
from recurrax.cells.rnn import RNNParams

VARIANTS = [
    ClockworkRNN(hidden_size=4, periods=(1, 3)),
    ClockworkRNN(hidden_size=6, periods=(1, 2, 5), use_bias=False, activation="sigmoid"),
]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, periods=(2,))


def oracle_step(cell, params, carry, x):
    """Koutnik et al. (2014), module by module; a module sees those with periods as long as its own."""
    size = cell.hidden_size // len(cell.periods)
    h = carry.h.copy()
    activate = {"tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}[cell.activation]
    for n, period in enumerate(cell.periods):
        if carry.steps % period == 0:
            own = slice(n * size, (n + 1) * size)
            slower = slice(n * size, None)
            b = 0 if params.b is None else params.b[own]
            h[own] = activate(x @ params.w_x[:, own] + carry.h[slower] @ params.w_h[slower, own] + b)
    return type(carry)(h, carry.steps + 1), h


def test_with_the_period_one_it_is_the_plain_network():
    cell = ClockworkRNN(hidden_size=4, periods=(1,))
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    np.testing.assert_array_equal(unroll(cell, params, xs)[1], unroll(RNN(4), RNNParams(*params), xs)[1])


def test_a_module_moves_at_multiples_of_its_period_only():
    cell = ClockworkRNN(hidden_size=2, periods=(1, 4))
    params = cell.init(jax.random.key(0), 3)
    _, ys = unroll(cell, params, jax.random.normal(jax.random.key(1), (9, 3)))
    moved = np.abs(np.diff(ys[:, 1])) > 0
    np.testing.assert_array_equal(moved, [False, False, False, True, False, False, False, True])


def test_the_gradient_passes_a_resting_module_unchanged(x64):
    cell = ClockworkRNN(hidden_size=2, periods=(1, 8))
    params = cell.init(jax.random.key(0), 3)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jax.random.normal(jax.random.key(1), (8, 3))), lambda ys, carry: carry.h[1]
    )
    np.testing.assert_allclose(norms.fields.h[1:], 0, atol=1e-12)  # logs of one


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"periods": ()}, TypeError, r"periods must be a tuple of numbers of steps, got \(\)"),
        ({"periods": (1, 0)}, ValueError, "periods must be at least 1, got 0"),
        ({"periods": (2, 1)}, ValueError, r"periods must rise, got \(2, 1\)"),
        ({"periods": (1, 2, 3)}, ValueError, "hidden_size must be a multiple of the number of periods, 3, got 4"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        ClockworkRNN(hidden_size=4, **arguments)


def test_a_reset_starts_the_clocks_anew():
    cell = ClockworkRNN(hidden_size=2, periods=(1, 4))
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    _, ys = unroll(cell, params, xs, resets=jnp.arange(6) == 2)
    np.testing.assert_allclose(ys[2:], unroll(cell, params, xs[2:])[1], rtol=1e-6)
