"""Studies run with JAX's standard promotion: optax and their users rely on it."""

import jax
import pytest
import submitit  # noqa: F401  sets logging up when it is imported, which closes the stderr that pytest lends to a test


@pytest.fixture(scope="package", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):
        yield
