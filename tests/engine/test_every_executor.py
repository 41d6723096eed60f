"""Every executor against `scan`, which JAX alone differentiates, for every cell that it accepts; both are found."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, Associative, Checkpointed, Newton, unroll
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.lru import LRU
from recurrax.cells.min_gru import MinGRU
from recurrax.cells.min_lstm import MinLSTM
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.slstm import SLSTM
from recurrax.engine.choice import EXECUTORS
from recurrax.engine.fused import Fused
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.reference import Reference
from recurrax.engine.make_run import make_run
from tests.cells.cases import CASES, FIRST, draw, label
from tests.engine.comparison import BATCH, FEATURES, RUNS, STEPS, assert_close, problem

KERNEL = Kernel(Reference())
"""The kernel in the language that runs on every device."""
SETTINGS = [b for b in EXECUTORS.values() if b.name not in ("scan", "kernel", "checkpointed")] + [
    KERNEL,
    Associative(chunk=4),
    Newton(jacobian="diagonal", damping=0.2),
    Checkpointed(every=4),
]
"""The executors as they are by default, and with settings that change what is computed."""


def refusal(case, executor):
    """Says why the executor does not run the cell; None where it does."""
    params, xs, carry = draw(case, 2, (2,))
    return executor.refusal(make_run(case.cell, params, xs, carry))


PAIRS = [
    pytest.param(case, executor, id=f"{label(case.cell)}-{executor}")
    for case in CASES
    for executor in SETTINGS
    if executor.name != "associative" or case.cell.linear
]


@functools.cache
def derivatives(case, kind, executor, second_order):
    # As the cell draws them, and as it may come to: of anything else it may make a system in which rounding errors grow.
    params, xs, carry = draw(case, STEPS, (BATCH,))
    loss, point, direction = problem(case.cell, RUNS[kind], params=params, xs=xs, carry=carry)
    f = functools.partial(loss, executor=executor)
    gradient = jax.grad(f, argnums=(0, 1, 2))

    def size_of_gradient(*point):
        parts = [part for leaf in jax.tree.leaves(gradient(*point)) for part in (leaf.real, leaf.imag)]
        # Of a large gradient itself, sin would make noise of the last digits.
        return sum(jnp.sum(jnp.sin(part / jax.lax.stop_gradient(jnp.max(jnp.abs(part), initial=1)))) for part in parts)

    def all_of_them():
        first = {"value and forward": jax.jvp(f, point, direction), "gradient": gradient(*point)}
        if not second_order:
            return first
        return first | {
            "forward over reverse": jax.jvp(gradient, point, direction)[1],
            "reverse over reverse": jax.grad(size_of_gradient, argnums=(0, 1, 2))(*point),
        }

    return jax.jit(all_of_them)()


def agree(case, kind, executor, second_order=True):
    expected, got = (derivatives(case, kind, e, second_order) for e in ("scan", executor))
    for name in expected:
        assert_close(got[name], expected[name], name)


QUICK_CELLS = {
    Fused(): (LSTM, GRU, LRU, IndRNN, PeepholeLSTM),
    Associative(): (LRU, MinGRU, MinLSTM),
    Associative(chunk=4): (MinGRU,),
    Newton(): (LSTM, GRU, IndRNN),
    Newton(jacobian="diagonal", damping=0.2): (LSTM,),
    KERNEL: (LSTM, GRU, SLSTM, IndRNN),
    Checkpointed(every=4): (GRU,),
}
"""Cells on which `make test` tries each executor; `make test-all` tries all."""
QUICK_SECOND_ORDER = {
    Fused(): (LSTM, LRU),
    Associative(): (LRU,),
    Associative(chunk=4): (MinGRU,),
    Newton(): (GRU,),
    Newton(jacobian="diagonal", damping=0.2): (LSTM,),
    KERNEL: (LSTM, GRU),
    Checkpointed(every=4): (GRU,),
}
"""Those of them whose second derivatives `make test` compares; `make test-all` compares all."""
QUICK = [pair for pair in PAIRS if pair.values[0] in FIRST and type(pair.values[0].cell) in QUICK_CELLS[pair.values[1]]]


def test_every_executor_is_tried():
    assert {pair.values[1].name for pair in QUICK} == set(EXECUTORS) - {"scan"}


@pytest.mark.parametrize(("case", "executor"), QUICK)
def test_values_and_all_derivatives_are_those_of_scan_with_every_argument(x64, case, executor):
    agree(case, "all", executor, second_order=type(case.cell) in QUICK_SECOND_ORDER[executor])


@pytest.mark.slow
@pytest.mark.parametrize(("case", "executor"), PAIRS)
@pytest.mark.parametrize("kind", RUNS)
def test_values_and_all_derivatives_are_those_of_scan_with_each_argument(x64, case, kind, executor):
    if case.cell.layers or executor.falls_back or refusal(case, executor) is None:
        agree(case, kind, executor)
        return
    params, xs, _ = draw(case, 2, (2,))
    with pytest.raises(ValueError, match="use executor='scan' or 'auto'"):
        unroll(case.cell, params, xs, executor=executor)


@functools.cache
def gradients_of(cell, shape, executor):
    params = cell.init(jax.random.key(0), FEATURES)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(*shape, FEATURES)))

    def value(params, xs):
        carry, ys = unroll(cell, params, xs, executor=executor)
        return jnp.sum(ys**2) + jnp.sum(carry.h**3)

    return jax.jit(jax.grad(value, (0, 1)))(params, xs)


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 0), (5,), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("executor", SETTINGS, ids=str)
def test_edge_shapes(x64, executor, shape):
    cell = MinGRU(4) if executor.name == "associative" else GRU(4)
    assert_close(gradients_of(cell, shape, executor), gradients_of(cell, shape, "scan"), shape)


@pytest.mark.parametrize(("case", "executor"), [p for p in QUICK if p.values[1] in (*EXECUTORS.values(), KERNEL)])
def test_nothing_of_a_masked_step_reaches_a_gradient(x64, case, executor):
    cell = case.cell
    params, xs = cell.init(jax.random.key(0), FEATURES), jax.random.normal(jax.random.key(1), (6, 2, FEATURES))
    mask = jnp.arange(6)[:, None] < jnp.array([[4, 6]])
    broken = jnp.where(mask[..., None], xs, jnp.nan)

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1))
    def gradients(xs, params):
        return jnp.sum(unroll(cell, params, xs, mask=mask, executor=executor)[1] ** 2)

    assert_close(gradients(broken, params), gradients(xs, params), "NaN in padding")


@functools.cache
def gradients_of_models(cell, executor):
    params = jax.vmap(lambda key: cell.init(key, FEATURES))(jax.random.split(jax.random.key(0), 3))
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(6, 2, FEATURES)))
    gradient = jax.grad(lambda p: jnp.sum(unroll(cell, p, xs, executor=executor)[1] ** 2))
    return jax.jit(jax.vmap(gradient))(params)


@pytest.mark.parametrize("executor", SETTINGS, ids=str)
def test_vmap_over_models(x64, executor):
    cell = MinGRU(4) if executor.name == "associative" else LSTM(4)
    assert_close(gradients_of_models(cell, executor), gradients_of_models(cell, "scan"), "vmap")


@functools.cache
def gradients_of_a_learned_start(executor):
    loss, point, _ = problem(LearnedStart(4), RUNS["resets"])
    return jax.jit(jax.grad(functools.partial(loss, executor=executor), (0, 1, 2)))(*point)


@pytest.mark.parametrize("executor", SETTINGS, ids=str)
def test_a_start_that_is_learned_gets_a_gradient_from_every_reset(x64, executor):
    expected, got = map(gradients_of_a_learned_start, ("scan", executor))
    assert_close(got, expected, "learned start")


class LearnedStart(MinGRU):
    """Starts from its bias; a cell that every executor takes."""

    def initial_carry(self, weights, batch_shape=()):
        carry = super().initial_carry(weights, batch_shape)
        return type(carry)(carry.h + jnp.split(weights.b, 2)[0])
