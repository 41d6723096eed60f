"""The executor in the language that runs anywhere: precision, vmap, fallbacks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Checkpointed, Stack, explain, from_step, unroll
from recurrax.cells.janet import JANET
from recurrax.cells.layer_norm_lstm import LayerNormLSTM
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.reference import Reference
from recurrax.engine.make_run import make_run
from tests.engine.comparison import assert_close

KERNEL = Kernel(Reference())
CELLS = [RNN(24), LSTM(24), PeepholeLSTM(24), GRU(24), GRU(24, reset="after"), JANET(24), SLSTM(24, num_heads=2)]


def states_and_gradients(cell, params, xs, executor):
    def loss(params, xs):
        carry, ys = unroll(cell, params, xs, executor=executor)
        wide = [a.astype(jnp.float32) if a.dtype.itemsize < 4 else a for a in jax.tree.leaves((carry, ys))]
        return sum(jnp.mean(jnp.sin(a)) for a in wide), ys

    (of_params, of_xs), ys = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(params, xs)
    # That of w_x is a product outside of the loop, which XLA of some CPUs sums up in 16 bits.
    return of_params._replace(w_x=None), of_xs, ys


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_errors_in_16_bits_are_below_those_of_scan(x64, cell, dtype):
    """What a kernel rounds, `Reference` rounds: it keeps the carry in float32, `scan` in the dtype of the run."""
    params = jax.tree.map(lambda a: a.astype(dtype), cell.init(jax.random.key(0), 12))
    xs = jax.random.normal(jax.random.key(1), (64, 16, 12)).astype(dtype)
    assert KERNEL.refusal(make_run(cell, params, xs)) is None
    exact = states_and_gradients(cell, *jax.tree.map(lambda a: a.astype(jnp.float64), (params, xs)), "scan")
    errors = {
        str(executor): [
            np.linalg.norm(np.asarray(a, np.float64) - b) / np.linalg.norm(b)
            for a, b in zip(
                *map(jax.tree.leaves, (states_and_gradients(cell, params, xs, executor), exact)), strict=True
            )
        ]
        for executor in (KERNEL, "scan")
    }
    for ours, of_scan in zip(*errors.values(), strict=True):
        assert ours <= 1.1 * of_scan + jnp.finfo(dtype).eps / 4, errors


@pytest.mark.parametrize(
    ("cell", "shared"),
    [
        (SLSTM(4, num_heads=2), False),
        (GRU(5), True),
        pytest.param(LSTM(5), False, marks=pytest.mark.slow),
        pytest.param(LSTM(5), True, marks=pytest.mark.slow),
        pytest.param(SLSTM(4, num_heads=2), True, marks=pytest.mark.slow),
        pytest.param(GRU(5), False, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_vmap_over_models_or_over_data(x64, cell, shared):
    keys = jax.random.split(jax.random.key(0), 3)
    params = cell.init(keys[0], 2) if shared else jax.vmap(lambda key: cell.init(key, 2))(keys)
    xs = jax.random.normal(jax.random.key(1), (3, 6, 2, 2))

    def gradient(executor):
        one = jax.grad(lambda p, x: jnp.sum(jnp.sin(unroll(cell, p, x, executor=executor)[1])), (0, 1))
        return jax.vmap(one, (None if shared else 0, 0))(params, xs)

    assert_close(gradient(KERNEL), gradient("scan"), "vmap")


@pytest.mark.parametrize("around", [lambda executor: executor, lambda executor: Checkpointed(executor, 4)])
def test_checkpoints_and_stacks(x64, around):
    cell = Stack((GRU(4), LSTM(4)))
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (10, 3, 3))

    def value(executor, params):
        return jnp.sum(unroll(cell, params, xs, executor=around(executor))[1] ** 2)

    got, expected = (jax.grad(functools.partial(value, b))(params) for b in (KERNEL, "scan"))
    assert_close(got, expected, "stack")


def test_never_an_error_where_another_executor_could_run():
    for cell in (LSTM(4), LayerNormLSTM(4)):
        params, xs = cell.init(jax.random.key(0), 3), jnp.ones((5, 2, 3))
        np.testing.assert_array_equal(
            unroll(cell, params, xs, executor="kernel")[1], unroll(cell, params, xs, executor="fused")[1]
        )
        told = explain(cell, params, xs, executor="kernel")
        assert told.executor == "fused"
        assert told.reason.startswith("in the place of kernel: ")
    told = explain(LayerNormLSTM(4), LayerNormLSTM(4).init(jax.random.key(0), 3), xs, executor=KERNEL)
    assert told.reason == "in the place of kernel: its step mixes units by 'reduce_sum'"
    assert explain(LSTM(4), LSTM(4).init(jax.random.key(0), 3), xs, executor=KERNEL).executor == "kernel"


def test_dtypes_that_differ_are_refused():
    cell = LSTM(4)
    params = cell.init(jax.random.key(0), 3)
    run = make_run(cell, params, jnp.ones((5, 2, 3)))
    run = run.replace(carry=jax.tree.map(lambda a: a.astype(jnp.float16), run.carry))
    assert "different dtypes (float16, float32)" in KERNEL.refusal(run)


def test_a_step_that_takes_nothing_of_the_input_is_left_to_others():
    cell = from_step(
        lambda params, h, x: (jnp.tanh(h + 1), h), lambda params, batch: jnp.zeros((*batch, 2)), output=lambda p, h: h
    )
    told = explain(cell, None, jnp.ones((4, 2, 1)), executor=KERNEL)
    assert told.reason == "in the place of kernel: its step takes nothing of the input"
