"""What stands in the place of a primitive has its values and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.engine.kernel.hopper.substitution import substituted

FUNCTIONS = {
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "relu": jax.nn.relu,
    "log1p": lambda x: jnp.log1p(x * x),
    "expm1": jnp.expm1,
    "elu": jax.nn.elu,
    "powers": lambda x: x**2 + x**3 - x**5 + 1.0 / (1 + x**4),
    "sinh": jnp.sinh,
    "clip": lambda x: jnp.clip(x, -1.0, 1.0),
    "where": lambda x: jnp.where(x > 0, jnp.sign(x) * x, jnp.tanh(x)),
}
POINTS = np.array([-30.0, -5.0, -1.5, -0.3, -1e-7, 1e-9, 0.2, 0.9, 1.7, 6.0, 25.0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(x64, name):
    f = FUNCTIONS[name]
    x = jnp.asarray(POINTS)

    def derivative(x):
        return jax.vjp(f, x)[1](jnp.ones_like(x))[0]

    np.testing.assert_allclose(substituted(f)(x), f(x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(substituted(derivative)(x), derivative(x), rtol=1e-12, atol=1e-15)


def test_nothing_that_mosaic_lacks_is_left():
    def derivative(x):
        return jax.vjp(lambda x: jax.nn.sigmoid(x) * jnp.log1p(x * x) + jnp.expm1(x) ** 3, x)[1](x)[0]

    traced = [jax.make_jaxpr(substituted(f))(jnp.ones((32, 8))) for f in (derivative, jax.nn.softplus, jax.nn.relu)]
    text = "".join(map(str, traced))
    for primitive in ("add_any", "logistic", "log1p", "expm1", "integer_pow", "custom_jvp"):
        assert primitive not in text


def test_a_derivative_that_is_zero_has_the_shape_of_the_others():
    def derivative(x, y):
        return jax.vjp(lambda x, y: 2.0 * y, x, y)[1](x)

    zero, two = substituted(derivative)(jnp.ones((4, 2)), jnp.ones((4, 2)))
    assert zero.shape == two.shape == (4, 2)
    assert not zero.any()
