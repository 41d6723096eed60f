import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.activations import ACTIVATIONS, activation
from tests import oracles


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_name_stands_for_the_function_that_the_literature_calls_so(x64, name):
    a = np.array([-7.0, -3.5, -1.0, -0.25, 0.0, 0.25, 1.0, 2.9, 7.0])
    one_rounding = np.finfo(float).eps * np.abs(a).max()  # of a * Phi(a), say, where Phi(a) is all but 0
    got, expected = activation(name)(jnp.asarray(a)), oracles.ACTIVATIONS[name](a)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=one_rounding)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_dtype_and_shape_are_kept_and_the_gradient_is_finite_far_out(name):
    for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
        value = jax.eval_shape(activation(name), jax.ShapeDtypeStruct((1, 3), dtype))
        assert value.shape == (1, 3) and value.dtype == dtype
    assert jnp.isfinite(jax.grad(lambda a: activation(name)(a).sum())(jnp.array([-1e4, 0.0, 1e4]))).all()


@pytest.mark.parametrize("name", ["Tanh", "", None, np.tanh, ["tanh"]])
def test_anything_else_is_refused_with_the_names_there_are(name):
    with pytest.raises(ValueError, match=r"activation must be one of elu, .*tanh, got "):
        activation(name)
