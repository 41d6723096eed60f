"""Runs on meshes of several devices, of every kind of axis, give what one device gives."""

import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from recurrax.engine import meshes

DEVICES = 4
PROGRAM = "tests.engine.on_several_devices"


@functools.cache
def told(kind, cases):
    """Returns what the program says of each case on a mesh of one kind: a process has the devices it began with."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES}"
    process = subprocess.run(
        [sys.executable, "-m", PROGRAM, kind, cases],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return dict(line.split(": ", 1) for line in process.stdout.splitlines())


def assert_same(found, count):
    assert len(found) == count
    assert {case: answer for case, answer in found.items() if answer != "same"} == {}


@pytest.mark.parametrize("kind", ["manual", "explicit"])
def test_a_mesh_changes_no_value_and_no_gradient(kind):
    assert_same(told(kind, "quick"), 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["manual", "explicit", "auto"])
def test_a_mesh_changes_nothing_of_any_executor_layer_or_measurement(kind):
    assert_same(told(kind, "all"), 19)


def test_without_a_mesh_nothing_is_added_to_a_loop():
    def step(carry, x):
        return carry + x, carry

    xs = jnp.ones((3, 2))
    ours, plain = (
        jax.make_jaxpr(functools.partial(scan, step))(jnp.zeros(2), xs) for scan in (meshes.scan, jax.lax.scan)
    )
    assert str(ours) == str(plain)
