import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.activations import ACTIVATIONS
from recurrax.gradflow._numerics.without_cancellation import without_cancellation

ARGUMENTS = np.linspace(-40, 40, 321)
BOTH = {
    **ACTIVATIONS,
    **{name: getattr(jax.nn, name) for name in ("celu", "log_sigmoid", "mish", "hard_silu", "relu6", "squareplus")},
    "exact gelu": functools.partial(jax.nn.gelu, approximate=False),
    "glu": lambda x: jax.nn.glu(jnp.stack([jnp.ones_like(x), x])).sum(),
    "1 - sigmoid": lambda x: 1 - jax.nn.sigmoid(x),
    "1 - (1 - sigmoid)": lambda x: 1 - (1 - jax.nn.sigmoid(x)),
    "0.5 tanh + 0.5": lambda x: 0.5 * (jnp.tanh(x) + 1),
    "sqrt(1 - tanh^2)": lambda x: jnp.sqrt(1 - jnp.tanh(x) ** 2),
    "sqrt(1 - exp^2)": lambda x: jnp.sqrt(1 - jnp.square(jnp.exp(-jax.nn.softplus(x)))),
}
ROUGH = {"silu": 1e-5, "gelu": 1e-5, "exact gelu": 1e-4, "mish": 1e-5, "softsign": 1e-5, "squareplus": 1e-4}
"""What is lost where a derivative crosses zero, or by a function that itself cancels like x^-2."""


def derivatives(function, dtype):
    return np.asarray(jax.vmap(jax.grad(without_cancellation(function)))(jnp.asarray(ARGUMENTS, dtype)), np.float64)


@pytest.mark.parametrize("name", BOTH)
def test_a_float32_derivative_is_that_of_float64(x64, name):
    got, expected = derivatives(BOTH[name], jnp.float32), derivatives(BOTH[name], jnp.float64)
    # Below 1e-30 products of derivatives underflow before the derivative itself does.
    np.testing.assert_allclose(got, expected, rtol=ROUGH.get(name, 4e-6), atol=1e-30)


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("tanh", lambda x: 4 * np.exp(-2 * np.abs(x)) / (1 + np.exp(-2 * np.abs(x))) ** 2),
        ("sigmoid", lambda x: np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2),
        ("elu", lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0)))),
        ("1 - sigmoid", lambda x: -np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2),
    ],
)
def test_a_float64_derivative_is_the_closed_form(x64, name, exact):
    np.testing.assert_allclose(derivatives(BOTH[name], jnp.float64), exact(ARGUMENTS), rtol=1e-13)


def one_of(function):
    """The function beyond every kind of call that a step may make."""
    return {
        "jit": jax.jit(function),
        "checkpoint": jax.checkpoint(function),
        "scan": lambda x: jax.lax.scan(lambda c, a: (function(a), c), x, x[None])[0],
        "while": lambda x: jax.lax.fori_loop(0, 1, lambda _, a: function(a), x),
        "cond": lambda x: jax.lax.cond(x > -100, function, lambda a: a, x),
        "vmap": lambda x: jax.vmap(function)(x[None])[0],
        "shapes": lambda x: jnp.split(function(jnp.stack([x, x])), 2)[1][0],
    }


@pytest.mark.parametrize("kind", one_of(jnp.tanh))
def test_calls_loops_and_branches_are_looked_into(kind):
    got = jax.jvp(without_cancellation(one_of(jnp.tanh)[kind]), (jnp.float32(12),), (jnp.float32(1),))[1]
    np.testing.assert_allclose(got, 4 * np.exp(-24.0), rtol=1e-6)


def test_a_derivative_of_its_own_is_kept():
    @jax.custom_jvp
    def own(x):
        return jnp.tanh(x)

    own.defjvp(lambda primals, tangents: (own(*primals), 7 * tangents[0] * own(*primals)))

    @jax.custom_vjp
    def reverse_only(x):
        return jnp.tanh(x)

    reverse_only.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (5 * g,))
    x = jnp.float32(0.5)
    for function, factor in ((own, 7 * np.tanh(0.5)), (reverse_only, 5)):
        np.testing.assert_allclose(jax.grad(without_cancellation(function))(x), factor, rtol=1e-6)
    second = jax.grad(jax.grad(without_cancellation(own)))(x)
    np.testing.assert_allclose(second, 49 * np.tanh(0.5), rtol=1e-6)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "elu", "gelu", "1 - sigmoid", "sqrt(1 - tanh^2)"])
def test_derivatives_up_to_the_third_order_are_those_of_jax(x64, name):
    plain, rewritten = BOTH[name], without_cancellation(BOTH[name])
    for x in (-1.3, 0.0, 0.7) if "sqrt" not in name else (-1.3, 0.7):
        for _ in range(3):
            plain, rewritten = jax.grad(plain), jax.grad(rewritten)
            np.testing.assert_allclose(rewritten(x), plain(x), rtol=1e-9, atol=1e-12)
        plain, rewritten = BOTH[name], without_cancellation(BOTH[name])


def test_values_and_structure_stay_and_integers_pass():
    def function(x, n):
        return {"y": jnp.tanh(x) * jax.nn.sigmoid(x), "n": n + 1, "none": None}

    x, n = jnp.linspace(-3, 3, 7), jnp.arange(3)
    got, expected = without_cancellation(function)(x, n), function(x, n)
    assert got["none"] is None
    np.testing.assert_array_equal(got["n"], expected["n"])
    np.testing.assert_array_equal(got["y"], expected["y"])
