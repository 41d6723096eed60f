"""Studies run with JAX's standard promotion: optax and their users rely on it."""

import signal

import jax
import pytest


@pytest.fixture(scope="package", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture
def hangs_up():
    """SIGHUP is heard, also by processes that the test starts, where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
