"""What tests and doctests share: JAX on the CPU, strict promotion of dtypes and ranks, names of docstring examples."""

import gc
import importlib.metadata
import os
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "JAX_DISABLE_MOST_OPTIMIZATIONS" in os.environ and importlib.metadata.version("jaxlib") in ("0.10.2", "0.11.0"):
    # Halves the time to compile once more. Later versions end the process at a flag that they no longer know.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false"

from typing import NamedTuple

import hypothesis
import jax
import jax.numpy as jnp
import pytest

import recurrax

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

COMPILED = tempfile.TemporaryDirectory(prefix="recurrax-tests-")
"""Programs that this process compiled: tests meet the same ones again after `clear_caches` and in other functions."""
jax.config.update("jax_compilation_cache_dir", COMPILED.name)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

hypothesis.settings.register_profile("recurrax", max_examples=25, derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("recurrax")


def pytest_generate_tests(metafunc):
    """Makes no items of slow parameters, thousands, where they would only be deselected; of a slow test one."""
    function = metafunc.definition
    if "not slow" not in metafunc.config.option.markexpr:
        return

    def quick(marker):
        if marker.name != "parametrize" or len(marker.args) < 2 or isinstance(marker.kwargs.get("ids"), list | tuple):
            return marker
        names, values = marker.args[0], list(marker.args[1])
        kept = [v for v in values if not any(mark.name == "slow" for mark in getattr(v, "marks", ()))] or values
        if function.get_closest_marker("slow"):
            kept = kept[:1]
        return pytest.mark.parametrize(names, kept, *marker.args[2:], **marker.kwargs).mark

    function.own_markers[:] = map(quick, function.own_markers)


def pytest_collection_finish():
    """Spares the garbage collector what stays until the end anyway: modules and thousands of items."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_unconfigure():
    """Removes what was compiled."""
    COMPILED.cleanup()


@pytest.fixture(autouse=True)
def _names_of_docstring_examples(doctest_namespace):
    doctest_namespace.update({name: getattr(recurrax, name) for name in recurrax.__all__})
    doctest_namespace.update(jax=jax, jnp=jnp, NamedTuple=NamedTuple)


@pytest.fixture
def x64():
    """Switches float64 on for one test and off again."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def standard_promotion():
    """Lets dtypes mix as they do for users, where a test is about just that or calls a library that relies on it."""
    with jax.numpy_dtype_promotion("standard"):
        yield


_RUN = 0


@pytest.fixture(autouse=True)
def _few_compiled_programs_at_a_time():
    """Lets go of compiled programs now and then: a process may map so many pieces of memory, and XLA ends it beyond."""
    global _RUN
    yield
    _RUN += 1
    if _RUN % 150 == 0:
        jax.clear_caches()
