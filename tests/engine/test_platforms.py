import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, Checkpointed, unroll
from recurrax.cells.lru import LRU
from recurrax.engine.platforms import by_platform, default_platform


def of_lru(executor, steps=128):
    cell = LRU(8)
    xs = jnp.ones((steps, 2, 4))

    def loss(params):
        return jnp.sum(unroll(cell, params, xs, executor=executor)[1] ** 2)

    return jax.jit(jax.grad(loss)).trace(cell.init(jax.random.key(0), 4))


def loops(traced, platform):
    return traced.lower(lowering_platforms=(platform,)).as_text().count("stablehlo.while")


@pytest.mark.parametrize("around", [lambda e: e, lambda e: Checkpointed(e, every=128)])
def test_auto_takes_what_suits_the_platform_that_a_program_is_lowered_for(around):
    """A linear cell is run over all steps at once on an accelerator, and one by one on a CPU; this process has a CPU."""
    auto, fused, associative = (of_lru(around(name)) for name in ("auto", "fused", "associative"))
    assert loops(fused, "cpu") != loops(associative, "cpu")
    assert loops(auto, "cpu") == loops(fused, "cpu")
    for platform in ("cuda", "rocm", "tpu"):
        assert loops(auto, platform) == loops(associative, platform)


def test_a_program_for_several_platforms_asks_where_it_runs():
    cell = LSTM(3)
    run = jax.jit(functools.partial(unroll, cell))
    params, xs = cell.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (9, 4, 2))
    exported = jax.export.export(run, platforms=("cpu", "cuda"))(params, xs)
    got, expected = (jax.tree.leaves(f(params, xs)) for f in (exported.call, run))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_outside_of_a_trace_the_platform_is_known():
    seen = []

    def note(platform, x):
        seen.append(platform)
        return x + 1

    assert by_platform(note, jnp.ones(())) == 2
    assert by_platform(note, jax.device_put(1, jax.devices()[0])) == 2
    assert seen == [default_platform()] * 2 == ["cpu"] * 2
    assert jax.jit(functools.partial(by_platform, note))(1) == 2
    assert seen[2:] == ["cpu", "gpu"]


def test_gradients_that_are_not_compiled_trace_one_platform_alone():
    seen = []

    def square(platform, x):
        seen.append(platform)
        return x * x

    assert jax.grad(functools.partial(by_platform, square))(3.0) == 6
    assert seen == ["cpu"]


@pytest.mark.parametrize("device", ["cpu", jax.devices("cpu")[0]])
def test_a_default_device_is_the_platform(device):
    with jax.default_device(device):
        assert default_platform() == "cpu"
