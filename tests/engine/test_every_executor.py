"""Every executor against `scan`, which JAX alone differentiates, for every cell that it accepts; both are found."""

import functools

import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, Associative, Newton, unroll
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.min_rnns import MinGRU
from recurrax.engine.choice import BACKENDS
from recurrax.engine.recurrence import recurrence
from tests.cells.test_every_cell import CELLS, FIRST_OF_EACH_CLASS
from tests.engine.comparison import FEATURES, RUNS, assert_close, problem

SETTINGS = [b for b in BACKENDS.values() if b.name != "scan"] + [
    Associative(chunk=4),
    Newton(jacobian="diagonal", damping=0.2),
]
"""The executors as they are by default, and with settings that change what is computed."""


def accepted(cell, backend):
    with jax.enable_x64(True):
        params = jax.eval_shape(lambda: cell.init(jax.random.key(0), FEATURES))
        xs = jax.ShapeDtypeStruct((5, 2, FEATURES), jnp.float64)
        refusals = []

        def ask(params, xs):
            refusals.append(backend.refusal(cell, recurrence(cell, params, xs, None, None, None, None)))

        jax.eval_shape(ask, params, xs)
    return refusals[0] is None


PAIRS = [
    pytest.param(cell.values[0], backend, id=f"{cell.id}-{backend}")
    for cell in CELLS
    for backend in SETTINGS
    if accepted(cell.values[0], backend)
]


@functools.cache
def derivatives(cell, kind, backend):
    loss, point, direction = problem(cell, RUNS[kind])
    f = functools.partial(loss, backend=backend)
    gradient = jax.grad(f, argnums=(0, 1, 2))

    def size_of_gradient(*point):
        parts = [part for leaf in jax.tree.leaves(gradient(*point)) for part in (leaf.real, leaf.imag)]
        return sum(jnp.sum(jnp.sin(part)) for part in parts)

    def all_of_them():
        return {
            "value and forward": jax.jvp(f, point, direction),
            "gradient": gradient(*point),
            "forward over reverse": jax.jvp(gradient, point, direction)[1],
            "reverse over reverse": jax.grad(size_of_gradient, argnums=(0, 1, 2))(*point),
        }

    return jax.jit(all_of_them)()


def agree(cell, kind, backend):
    expected, got = derivatives(cell, kind, "scan"), derivatives(cell, kind, backend)
    for name in expected:
        assert_close(got[name], expected[name], name)


FEW = {
    Newton(): (LSTM, GRU, IndRNN),
    Newton(jacobian="diagonal", damping=0.2): (LSTM,),
    Associative(chunk=4): (MinGRU,),
}
"""Cells on which `make test` tries these executors; the others it tries on the first variant of every class."""
QUICK = [
    pair
    for pair in PAIRS
    if pair.values[0] in FIRST_OF_EACH_CLASS
    and isinstance(pair.values[0], FEW.get(pair.values[1], type(pair.values[0])))
]


def test_every_executor_is_tried():
    assert {pair.values[1].name for pair in PAIRS} == set(BACKENDS) - {"scan"}


@pytest.mark.parametrize(("cell", "backend"), QUICK)
def test_values_and_all_derivatives_are_those_of_scan_with_every_argument(x64, cell, backend):
    agree(cell, "all", backend)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "backend"), PAIRS)
@pytest.mark.parametrize("kind", RUNS)
def test_values_and_all_derivatives_are_those_of_scan_with_each_argument(x64, cell, kind, backend):
    agree(cell, kind, backend)


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 0), (5,), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("backend", SETTINGS, ids=str)
def test_edge_shapes(x64, backend, shape):
    cell = next(pair.values[0] for pair in PAIRS if pair.values[1] == backend)
    if backend.name == "associative":
        cell = next(pair.values[0] for pair in PAIRS if pair.values[1] == backend and "MinGRU" in pair.id)
    params = cell.init(jax.random.key(0), FEATURES)
    xs = jax.random.normal(jax.random.key(1), (*shape, FEATURES))

    def value(params, xs, backend):
        carry, ys = unroll(cell, params, xs, backend=backend)
        return jnp.sum(ys**2) + jnp.sum(carry.h**3)

    expected, got = (jax.grad(value, (0, 1))(params, xs, b) for b in ("scan", backend))
    assert_close(got, expected, shape)


@pytest.mark.parametrize(("cell", "backend"), [p for p in QUICK if p.values[1] in BACKENDS.values()])
def test_nothing_of_a_masked_step_reaches_a_gradient(x64, cell, backend):
    params, xs = cell.init(jax.random.key(0), FEATURES), jax.random.normal(jax.random.key(1), (6, 2, FEATURES))
    mask = jnp.arange(6)[:, None] < jnp.array([4, 6])
    broken = jnp.where(mask[..., None], xs, jnp.nan)

    def value(xs, params):
        return jnp.sum(unroll(cell, params, xs, mask=mask, backend=backend)[1] ** 2)

    expected, got = jax.grad(value, (0, 1))(xs, params), jax.grad(value, (0, 1))(broken, params)
    assert_close(got, expected, "NaN in padding")


@pytest.mark.parametrize("backend", SETTINGS, ids=str)
def test_vmap_over_models(x64, backend):
    cell = [pair.values[0] for pair in PAIRS if pair.values[1] == backend][-1]
    params = jax.vmap(lambda key: cell.init(key, FEATURES))(jax.random.split(jax.random.key(0), 3))
    xs = jax.random.normal(jax.random.key(1), (6, 2, FEATURES))

    def gradient(backend):
        return jax.vmap(jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, backend=backend)[1] ** 2)))(params)

    assert_close(gradient(backend), gradient("scan"), "vmap")


@pytest.mark.parametrize("backend", SETTINGS, ids=str)
def test_a_start_that_is_learned_gets_a_gradient_from_every_reset(x64, backend):
    loss, point, _ = problem(LearnedStart(4), RUNS["resets"])
    expected, got = (jax.grad(functools.partial(loss, backend=b), (0, 1, 2))(*point) for b in ("scan", backend))
    assert_close(got, expected, "learned start")


class LearnedStart(MinGRU):
    """Starts from its bias; a cell that every executor takes."""

    def initial_carry(self, weights, batch_shape=()):
        carry = super().initial_carry(weights, batch_shape)
        return type(carry)(carry.h + jnp.split(weights.b, 2)[0])
