"""The dtype that a layer computes in; what becomes of it is in `test_apply.py`."""

import jax.numpy as jnp
import pytest

from recurrax._layer.dtypes import compute_dtype


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [((), "float32"), (("int32",), "float32"), (("complex64", "bfloat16"), "float32"), (("float16",), "float16")],
)
def test_the_compute_dtype_is_real_and_floating(dtypes, expected):
    assert compute_dtype(None, [jnp.ones(1, dtype) for dtype in dtypes]) == jnp.dtype(expected)
