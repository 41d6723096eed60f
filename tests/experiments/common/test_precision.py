import jax
import jax.numpy as jnp
import pytest

from experiments.common.precision import cast, precision


@pytest.mark.parametrize(("dtype", "of_complex"), [("float32", "complex64"), ("float64", "complex128")])
def test_floats_are_cast_and_the_rest_stays(dtype, of_complex):
    with jax.enable_x64(False):
        tree = {"w": jnp.float32(0.1), "c": jnp.complex64(1j), "n": jnp.arange(2), "flag": jnp.array(True)}
        with precision(dtype):
            got = cast(tree, dtype)
    assert (got["w"].dtype, got["c"].dtype) == (dtype, of_complex)
    assert got["n"].dtype == jnp.int32 and got["flag"].dtype == bool
    assert float(got["w"]) == float(tree["w"])
