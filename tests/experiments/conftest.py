"""Studies run with JAX's standard promotion: optax and their users rely on it."""

import jax
import pytest


@pytest.fixture(scope="package", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
