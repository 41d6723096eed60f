"""Elementwise code runs at another shape than it was traced at, with the derivatives that it has."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.engine.kernel.cut.evaluation import elementwise_only, evaluate, with_own_derivative

WIDE = jnp.linspace(-2.0, 3.0, 24).reshape(2, 3, 4)


@jax.custom_jvp
def doubled_derivative(x):
    return jnp.sin(x)


@doubled_derivative.defjvp
def _(primals, tangents):
    return jnp.sin(primals[0]), 2 * jnp.cos(primals[0]) * tangents[0]


FUNCTIONS = {
    "arithmetic": lambda x: x**3 - 2 * x + 1,
    "select": lambda x: jnp.where(x > 0, jnp.tanh(x), 0.5),
    "clip": lambda x: jnp.clip(x, -1.0, 1.0),
    "jit": jax.jit(lambda x: jnp.exp(-(x**2))),
    "checkpoint": jax.checkpoint(lambda x: jnp.sin(x) * x),
    "relu": jax.nn.relu,
    "own derivative": doubled_derivative,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_at_another_shape(x64, name):
    f = FUNCTIONS[name]
    closed = jax.make_jaxpr(f)(jnp.ones(5))
    assert elementwise_only(closed.jaxpr) is None

    def elsewhere(x):
        return evaluate(closed, [x])[0]

    x = jnp.asarray(WIDE, float)
    np.testing.assert_allclose(elsewhere(x), f(x), rtol=1e-14)
    expected, got = (jax.vjp(g, x)[1](jnp.ones_like(x))[0] for g in (f, elsewhere))
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jnp.sum, "reduce_sum"),
        (jnp.cumsum, "cumsum"),
        (jax.jit(lambda x: jnp.tanh(jnp.sort(x))), "sort"),
        (jnp.tanh, None),
    ],
)
def test_what_is_not_elementwise_is_named(function, name):
    assert elementwise_only(jax.make_jaxpr(function)(jnp.ones(5)).jaxpr) == name


def test_rules_stand_in_the_place_of_primitives():
    closed = jax.make_jaxpr(lambda x: jnp.tanh(x) + 1)(jnp.ones(5))
    np.testing.assert_array_equal(evaluate(closed, [WIDE], {"tanh": lambda x, **_: 3 * x})[0], 3 * WIDE + 1)


def test_a_call_with_a_derivative_of_its_own_keeps_it_at_every_shape():
    equation = jax.make_jaxpr(doubled_derivative)(jnp.ones(5)).jaxpr.eqns[0]
    run = with_own_derivative(equation)
    _, tangent = jax.jvp(lambda x: run(x)[0], (WIDE,), (jnp.ones_like(WIDE),))
    np.testing.assert_allclose(tangent, 2 * jnp.cos(WIDE), rtol=1e-6)
