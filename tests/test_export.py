"""Programs that `jax.export` makes once for every length and batch give what direct calls give."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import recurrax.linen
from recurrax import GRU, LSTM, Associative, Checkpointed, Newton, Stack, bidirectional, length_mask, unroll
from recurrax.cells import LRU, DiagonalGRU
from recurrax.wrappers import Zoneout

D = 3


def run(cell, executor="auto", **options):
    def function(params, xs, lengths):
        steps = jnp.arange(xs.shape[0])
        mask, resets = length_mask(lengths, xs.shape[0]), steps[:, None] % 3 == lengths[None] % 2
        return unroll(cell, params, xs, mask=mask, resets=resets, executor=executor, **options)

    return cell.init(jax.random.key(0), D), function


def both_ways():
    cells = LSTM(2), GRU(2)

    def function(params, xs, lengths):
        return bidirectional(cells, params, xs, mask=length_mask(lengths, xs.shape[0]))

    return tuple(cell.init(jax.random.key(0), D) for cell in cells), function


def layer():
    module = recurrax.linen.RNN(LSTM(2), reverse=True, keep_order=False, time_major=True)

    def function(variables, xs, lengths):
        return module.apply(variables, xs, seq_lengths=lengths)

    return module.init(jax.random.key(0), jnp.ones((1, 1, D))), function


CASES = {
    "auto": partial(run, LSTM(2)),
    "sqrt": partial(run, LSTM(2), Checkpointed("scan", every="sqrt")),
    "associative": partial(run, LRU(2), "associative"),
}
SLOW = {
    "layer": layer,
    "scan": partial(run, LSTM(2), "scan", key=jax.random.key(1)),
    "fused": partial(run, GRU(2), "fused", reverse=True),
    "chunks": partial(run, LRU(2), Associative(chunk=3)),
    "associative in checkpoints": partial(run, LRU(2), Checkpointed("associative", every=4)),
    "newton": partial(run, LSTM(2), Newton(jacobian="full")),
    "diagonal newton": partial(run, DiagonalGRU(2), "newton"),
    "truncated": partial(run, LSTM(2), truncate_every=3, reverse=True),
    "stack": partial(run, Stack((Zoneout(LSTM(2)), LRU(2))), "checkpointed"),
    "both ways": both_ways,
}
PARAMETERS = [*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def with_gradients(function):
    def of_function(*arguments):
        results = function(*arguments)
        return sum(jnp.sum(jnp.sin(jnp.abs(a))) for a in jax.tree.leaves(results)), results

    return jax.grad(of_function, argnums=(0, 1), has_aux=True)


@pytest.mark.parametrize("name", PARAMETERS)
def test_one_program_serves_every_length_and_batch(name):
    params, function = (CASES | SLOW)[name]()
    function = jax.jit(with_gradients(function))
    steps, batch = export.symbolic_shape("steps, batch")
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
    xs = jax.ShapeDtypeStruct((steps, batch, D), jnp.float32)
    program = export.export(function)(shapes, xs, jax.ShapeDtypeStruct((batch,), jnp.int32))
    for length, size in ((1, 1), (40, 3)):
        xs = jax.random.normal(jax.random.key(3), (length, size, D))
        lengths = jnp.minimum(1 + 3 * jnp.arange(size, dtype=jnp.int32), length)
        pairs = zip(*map(jax.tree.leaves, (f(params, xs, lengths) for f in (program.call, function))), strict=True)
        for got, direct in pairs:
            np.testing.assert_allclose(got, direct, rtol=1e-4, atol=1e-5)


def test_windows_that_overlap_need_a_length():
    params, function = run(LSTM(2), truncate_every=(2, 3))
    steps = export.symbolic_shape("steps")[0]
    xs = jax.ShapeDtypeStruct((steps, 2, D), jnp.float32)
    with pytest.raises(
        ValueError, match=r"truncate_every=\(2, 3\) needs a number of steps that is known, got .* steps"
    ):
        export.export(jax.jit(function))(params, xs, jax.ShapeDtypeStruct((2,), jnp.int32))
