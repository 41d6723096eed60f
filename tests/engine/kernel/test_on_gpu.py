"""The kernels on a Hopper GPU, against `scan` in float64; `make test-gpu`."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, explain, unroll
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.janet import JANET
from recurrax.cells.minimal_rnn import MinimalRNN
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.hopper.implementation import Hopper
from tests.cells.cases import label

pytestmark = pytest.mark.gpu

CELLS = [
    *(RNN(128), LSTM(128), LSTM(256), PeepholeLSTM(128), GRU(128), GRU(128, reset="after"), JANET(128)),
    *(MinimalRNN(128), IndRNN(128, activation="tanh"), SLSTM(256, num_heads=4), RNN(768), LSTM(768), LSTM(20)),
]
BOUNDS = {"bfloat16": 5e-3, "float16": 1e-3, "float32": 1e-3}


@pytest.fixture(autouse=True)
def hopper():
    reason = Hopper().unavailable()
    if reason is not None:
        pytest.fail(f"make test-gpu needs a Hopper GPU: {reason}.")


def drawn(cell, steps, batch, dtype, seed=0):
    params = cell.init(jax.random.key(seed), 64)
    xs = jax.random.normal(jax.random.key(seed + 1), (steps, batch, 64))
    carry = jax.tree.map(
        lambda a: 0.3 * jax.random.normal(jax.random.key(seed + 2), a.shape), cell.initial_carry(params, (batch,))
    )
    return jax.tree.map(lambda a: a.astype(dtype), (params, xs, carry))


@functools.partial(jax.jit, static_argnums=(0, 1))
def states_and_gradients(cell, executor, params, xs, carry, mask=None, resets=None):
    wide = jnp.float64 if xs.dtype == jnp.float64 else jnp.float32

    def loss(params, xs, carry):
        carry, ys = unroll(cell, params, xs, carry, mask=mask, resets=resets, executor=executor)
        direction = jax.random.normal(jax.random.key(7), ys.shape).astype(wide)
        return jnp.mean(direction * ys.astype(wide)) + sum(jnp.mean(jnp.sin(a.astype(wide))) for a in carry), ys

    gradients, ys = jax.grad(loss, (0, 1, 2), has_aux=True)(params, xs, carry)
    return ys, gradients


def errors(cell, steps, batch, dtype, **flags):
    arguments = drawn(cell, steps, batch, dtype)
    assert explain(cell, *arguments, **flags, executor="kernel").executor == "kernel"
    got = states_and_gradients(cell, "kernel", *arguments, **flags)
    with jax.enable_x64(True):
        exact = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), arguments)
        expected = states_and_gradients(cell, "scan", *exact, **flags)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    return [np.linalg.norm(np.asarray(a, np.float64) - b) / (np.linalg.norm(b) + 1e-30) for a, b in pairs]


@pytest.mark.parametrize("steps", [1, 64, 1024, 8192])
@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("cell", CELLS, ids=label)
def test_states_and_all_gradients(cell, dtype, steps):
    arguments = drawn(cell, steps, 16, dtype)
    told = explain(cell, *arguments, executor="kernel")
    if told.executor != "kernel":
        assert dtype == "float32" and "does not fit" in told.reason, told.reason
        return
    found = errors(cell, steps, 16, dtype)
    assert max(found) <= BOUNDS[dtype], found


@pytest.mark.parametrize("batch", [1, 13, 64])
def test_masks_resets_and_any_batch(batch):
    rng = np.random.default_rng(0)
    flags = {"mask": jnp.asarray(rng.random((64, batch)) < 0.8), "resets": jnp.asarray(rng.random((64, batch)) < 0.1)}
    assert max(errors(LSTM(128), 64, batch, "bfloat16", **flags)) <= BOUNDS["bfloat16"]


@pytest.mark.parametrize("cell", [LSTM(256), RNN(768), LSTM(768), GRU(256)], ids=label)
def test_a_thousand_runs_have_the_same_bits(cell):
    arguments = drawn(cell, 128, 16, "bfloat16")
    first = jax.device_get(states_and_gradients(cell, "kernel", *arguments))
    for _ in range(1000):
        again = states_and_gradients(cell, "kernel", *arguments)
        jax.tree.map(np.testing.assert_array_equal, jax.device_get(again), first)


def test_two_processes_on_one_gpu_come_to_their_end():
    code = (
        "import jax, tests.engine.kernel.test_on_gpu as t\n"
        "cell = t.LSTM(768)\n"
        "arguments = t.drawn(cell, 256, 16, 'bfloat16')\n"
        "for _ in range(100): jax.block_until_ready(t.states_and_gradients(cell, 'kernel', *arguments))\n"
    )
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    import os

    runs = [subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environment}) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
