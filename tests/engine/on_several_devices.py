"""Compares runs on a mesh of several devices with the same on one; run by `test_meshes.py` in a process of its own.

    python -m tests.engine.on_several_devices manual|explicit|auto quick|all

The batch is split over the axis "data". "manual" is `jax.shard_map` with its default checks. On the other meshes weights
are split over the axis "model" as well, and each case is given its arrays so.
"""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import recurrax.linen
from recurrax import GRU, LSTM, Checkpointed, Stack, bidirectional, gradflow, training, unroll
from recurrax.cells import LRU, DiagonalGRU
from recurrax.wrappers import Attention

jax.config.update("jax_numpy_dtype_promotion", "strict")
T, B, D = 5, 4, 4
WHOLE, CARRY, STEPS = PartitionSpec(), PartitionSpec("data"), PartitionSpec(None, "data")
XS = jax.random.normal(jax.random.key(0), (T, B, D))
MASK = jnp.arange(T)[:, None] < jnp.array([5, 3, 0, 1])[None]
RESETS = jax.random.bernoulli(jax.random.key(1), 0.3, (T, B))


def run(cell, executor="auto", **options):
    """Returns the parameters, a function of them and of data, and the axes of its results."""

    def function(params, xs, mask, resets):
        return unroll(cell, params, xs, mask=mask, resets=resets, executor=executor, **options)

    return cell.init(jax.random.key(2), D), function, (CARRY, STEPS)


def plain(cell, **options):
    def function(params, xs, mask, resets):
        del mask, resets
        return unroll(cell, params, xs, **options)

    return cell.init(jax.random.key(2), D), function, (CARRY, STEPS)


def both_ways():
    cells = LSTM(4), GRU(4)

    def function(params, xs, mask, resets):
        return bidirectional(cells, params, xs, mask=mask, resets=resets)

    return tuple(cell.init(jax.random.key(2), D) for cell in cells), function, (CARRY, STEPS)


def layer(layer):
    def function(variables, xs, mask, resets):
        lengths, flags = mask.sum(0, dtype=jnp.int32), jnp.moveaxis(resets, 0, 1)
        return layer.apply(variables, jnp.moveaxis(xs, 0, 1), seq_lengths=lengths, resets=flags)

    return layer.init(jax.random.key(2), jnp.moveaxis(XS, 0, 1)), function, CARRY


def measured(measure, axes, cell):
    def function(params, xs, mask, resets):
        del resets
        return measure(gradflow.trajectory(cell, params, xs, mask=mask))

    return cell.init(jax.random.key(2), D), function, axes


def penalty():
    """Omega of sequences that are all alike, so that its mean over those of a device is that over all."""
    cell = LSTM(4)

    def function(params, xs, mask, resets):
        del mask, resets
        path = gradflow.trajectory(cell, params, xs * 0 + 1)
        return jnp.broadcast_to(training.pascanu_omega(path, loss), xs.shape[1:2])

    return cell.init(jax.random.key(2), D), function, CARRY


def loss(ys, carry):
    return sum(jnp.sum(jnp.sin(jnp.abs(a))) for a in jax.tree.leaves((ys[-1], carry)))


WITH_GRADIENTS = {
    "lstm": partial(run, LSTM(4)),
    "lstm, scan": partial(plain, LSTM(4), executor="scan"),
    "lstm, newton": partial(run, LSTM(4), "newton"),
    "diagonal, newton": partial(plain, DiagonalGRU(4), executor="newton"),
    "lru, associative": partial(run, LRU(4), "associative"),
    "lru, associative in checkpoints": partial(run, LRU(4), Checkpointed("associative", every=2)),
    "truncated": partial(run, LSTM(4), truncate_every=(2, 3), reverse=True),
    "stack with integers in its carry": partial(run, Stack((Attention(LSTM(4)), GRU(4))), "checkpointed"),
    "both ways": both_ways,
    "layer": partial(layer, recurrax.linen.RNN(LSTM(4), reverse=True, keep_order=False)),
    "layers": partial(layer, recurrax.linen.Bidirectional(GRU(4))),
}
MEASURED = {
    "gradient norms": partial(measured, lambda path: gradflow.gradient_norms(path, loss), STEPS, LSTM(4)),
    "path norms": partial(measured, lambda path: gradflow.path_norms(path, loss), STEPS, LSTM(4)),
    "jacobian": partial(measured, lambda path: gradflow.jacobian_products(path).log_frobenius, STEPS, LSTM(4)),
    "alignment": partial(measured, lambda path: gradflow.gradient_alignment(path, loss).log_share, STEPS, LSTM(4)),
    "parameters": partial(measured, lambda path: gradflow.parameter_norms(path, loss).weights, STEPS, LSTM(4)),
    "exponents": partial(measured, lambda path: gradflow.lyapunov_spectrum(path, k=2), CARRY, LRU(4)),
    "penalty": penalty,
    "states": partial(measured, lambda path: (path.states, path.ys), STEPS, GRU(4)),
}


QUICK = ("lstm", "lru, associative", "gradient norms")
"""Cases of the quick tests."""


def with_gradients(function):
    """Returns the function that gives the gradients by parameters and inputs as well."""

    def of_function(*arguments):
        results = function(*arguments)
        return sum(jnp.sum(jnp.sin(jnp.abs(a))) for a in jax.tree.leaves(results) if a.dtype.kind in "fc"), results

    return jax.grad(of_function, argnums=(0, 1), has_aux=True)


def on_mesh(kind, function, axes, *arguments):
    """Returns the results of a function on a mesh."""
    axis = AxisType.Explicit if kind == "explicit" else AxisType.Auto
    mesh = jax.make_mesh((2, 2), ("data", "model"), axis_types=(axis, axis))
    if kind == "manual":
        specs = (WHOLE, STEPS, STEPS, STEPS)
        return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=axes))(*arguments)

    def of_weight(a):
        return PartitionSpec(*(None,) * (a.ndim - 1), "model") if a.ndim and a.shape[-1] % 2 == 0 else WHOLE

    params, *data = arguments
    with jax.set_mesh(mesh):
        params = jax.tree.map(lambda a: jax.device_put(a, NamedSharding(mesh, of_weight(a))), params)
        return jax.jit(function)(params, *jax.device_put(data, NamedSharding(mesh, STEPS)))


def answer(kind, function, axes, *arguments):
    """Returns "same" where a mesh changes nothing."""
    try:
        got = on_mesh(kind, function, axes, *arguments)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(jax.jit(function)(*arguments)), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=2e-4, atol=2e-5)
    except Exception as error:
        return f"{type(error).__name__} {error}".replace("\n", " ")
    return "same"


def main(kind, cases):
    for name, case in (WITH_GRADIENTS | MEASURED).items():
        if cases == "all" or name in QUICK:
            params, function, axes = case()
            if name in WITH_GRADIENTS:
                function, axes = with_gradients(function), ((WHOLE, STEPS), axes)
            print(f"{name}: {answer(kind, function, axes, params, XS, MASK, RESETS)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
