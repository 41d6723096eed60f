"""What depends on what, against derivatives: a number that changes with an input depends on it."""

import jax
import jax.numpy as jnp
import pytest

from recurrax.engine.jaxprs import Static, dependence, equations


def labels_of(function, *arguments):
    """The positions of the arguments that each output depends on."""
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    return [set(found) for found in dependence(jaxpr, [frozenset({n}) for n in range(len(arguments))])]


def looped(a, b, c):
    """What is carried reaches the other part of the carry a turn later."""
    (first, second), ys = jax.lax.scan(lambda s, x: ((s[0] + x, s[0] * 2), x * c), (0.0, b), a)
    return first, second, ys


def counted(a, b, c):
    return jax.lax.while_loop(lambda s: s[0] < b, lambda s: (s[0] + 1, s[1] * c, 2 * s[2]), (0.0, a, 1.0))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b, c: (a * b, jnp.zeros_like(a) + c), [{0, 1}, {2}]),
        (lambda a, b, c: jax.jit(lambda x, y: (x, y + 1))(a, b), [{0}, {1}]),
        (lambda a, b, c: jax.checkpoint(lambda x, y: (jnp.sin(x), y + 1))(a, b), [{0}, {1}]),
        (lambda a, b, c: jax.nn.relu(a), [{0}]),
        (lambda a, b, c: jax.lax.cond(c > 0, lambda x, y: x, lambda x, y: y, a, b), [{0, 1, 2}]),
        (lambda a, b, c: looped(jnp.ones(3) * a, b, c), [{0}, {0, 1}, {0, 2}]),
        (counted, [{1}, {0, 1, 2}, {1}]),
    ],
    ids=["arithmetic", "jit", "checkpoint", "custom_jvp", "cond", "scan", "while"],
)
def test_dependence_through_calls_loops_and_branches(function, expected):
    assert labels_of(function, 1.0, 2.0, 3.0) == expected


def test_equations_inside_of_calls_are_met():
    jaxpr = jax.make_jaxpr(lambda x: jax.lax.scan(lambda s, x: (jax.jit(jnp.sin)(x), s), x[0], x))(jnp.ones(3)).jaxpr
    assert "sin" in {equation.primitive.name for equation in equations(jaxpr)}


@pytest.mark.parametrize("through", ["eval_shape", "jvp", "scan", "jit"])
def test_what_is_static_is_handed_out_of_a_trace(through):
    def function(x):
        return x * 2, Static(("name", jnp.dot))

    found = {
        "eval_shape": lambda: jax.eval_shape(function, 1.0)[1],
        "jvp": lambda: jax.jvp(function, (1.0,), (1.0,))[0][1],
        "scan": lambda: jax.lax.scan(lambda s, x: function(s), 1.0, jnp.ones(3))[1],
        "jit": lambda: jax.jit(function)(1.0)[1],
    }[through]()
    assert found == Static(("name", jnp.dot))
