import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.cells._base.exponential import gates_in_units, no_memory


def test_gates_are_those_of_the_definition_in_the_unit_that_comes_back():
    a_i, log_f, m = (jnp.array(a) for a in ([0.3, -2.0, 1.0], [-0.1, 0.5, -3.0], [1.0, -1.0, 2.0]))
    i, f, unit = gates_in_units(a_i, log_f, m)
    np.testing.assert_allclose(i * jnp.exp(unit), jnp.exp(a_i), rtol=1e-6)
    np.testing.assert_allclose(f * jnp.exp(unit), jnp.exp(log_f + m), rtol=1e-6)
    assert (jnp.maximum(i, f) == 1).all()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_nothing_is_kept_of_no_memory_beside_any_gate(dtype):
    limit = float(jnp.finfo(dtype).max)
    a_i = jnp.array([-limit / 2, -120.0, 0.0, limit, jnp.inf], dtype)
    i, f, unit = gates_in_units(a_i, jnp.full(5, -120.0, dtype), no_memory((5,), dtype))
    assert (i == 1).all() and not f.any() and jnp.isfinite(unit).all()
