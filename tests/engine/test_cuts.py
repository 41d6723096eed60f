"""What a reset or a mask cuts off sends back a gradient of zero, were it infinite before, under every executor."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from recurrax import LSTM, RNN, Associative, Checkpointed, Stack, bidirectional, gradflow, unroll
from recurrax.cell import Cell
from recurrax.cells.lru import LRU
from recurrax.cells.rg_lru import RGLRU
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.reference import Reference
from recurrax.from_step import from_step
from recurrax.initializers import Gaussian
from recurrax.wrappers.learned_carry import LearnedCarry
from tests.cells.cases import close

RELU = RNN(4, activation="relu", recurrent_init=Gaussian(gain=3.0))
STEPS, CUT = 12, 8
"""From a state of 1e34 the network overflows within six steps, and a reset comes after eight."""
RESETS = (jnp.arange(STEPS) == CUT)[:, None] & jnp.array([[True, False]])
EXECUTORS = ["scan", "fused", "newton", Kernel(Reference()), Checkpointed(every=5)]


def named(value):
    return getattr(value, "name", type(value).__name__ if isinstance(value, Cell) else str(value))


every_executor = pytest.mark.parametrize("executor", EXECUTORS, ids=named)


def start_of(cell, value):
    return jax.tree.map(lambda a: jnp.full_like(a, value), cell.initial_carry(PARAMS, (2,)))


PARAMS = jax.tree.map(jnp.abs, RELU.init(jax.random.key(0), 3))
XS = jnp.abs(jax.random.normal(jax.random.key(1), (STEPS, 2, 3)))
START = start_of(RELU, 1e34)._replace(h=jnp.full((2, 4), 1e34).at[1].set(0))
"""The first of two sequences overflows, the second does not."""


def parts_that_are_left(params, xs, carry):
    """The same loss, of two runs that have no cut."""
    first = unroll(RELU, params, xs[CUT:, :1])
    second = unroll(RELU, params, xs[:, 1:], jax.tree.map(lambda a: a[1:], carry))
    return sum(jnp.sum(jnp.log1p(ys[-(STEPS - CUT) :])) + jnp.sum(jnp.log1p(final.h)) for final, ys in (first, second))


@functools.cache
def expected():
    point = PARAMS, XS, START
    return jax.jit(lambda: (value_and_gradients(parts_that_are_left, point), tangent(parts_that_are_left, point)))()


def value_and_gradients(loss, point):
    return jax.value_and_grad(loss, (0, 1, 2))(*point)


def tangent(loss, point):
    return jax.jvp(loss, point, jax.tree.map(jnp.ones_like, point))[1]


@pytest.mark.parametrize(
    ("executor", "reverse"),
    [
        *((e, False) for e in EXECUTORS),
        ("fused", True),
        *(pytest.param(e, True, marks=pytest.mark.slow) for e in EXECUTORS if e != "fused"),
    ],
    ids=named,
)
def test_a_reset_after_an_overflow_sends_back_zero(executor, reverse):
    turned = (lambda a: a[::-1]) if reverse else lambda a: a
    how = {"executor": executor, "resets": turned(RESETS), "reverse": reverse}

    def loss(params, xs, carry):
        final, ys = unroll(RELU, params, turned(xs), carry, **how)
        return jnp.sum(jnp.log1p(turned(ys)[CUT:])) + jnp.sum(jnp.log1p(final.h))

    point = PARAMS, XS, START
    got = jax.jit(lambda: (value_and_gradients(loss, point), tangent(loss, point)))()
    close(got, expected(), rtol=1e-4, atol=1e-6)
    (_, gradients), _ = got
    assert not gradients[1][:CUT, 0].any() and not gradients[2].h[0].any()


def test_the_network_overflows_before_the_cut():
    ys = unroll(RELU, PARAMS, XS, START)[1]
    assert jnp.isfinite(ys[:2]).all() and not jnp.isfinite(ys[6:, 0]).any() and jnp.isfinite(ys[:, 1]).all()


def exponential(params, carry, x):
    h = jnp.exp(carry @ params["w"]) + params["b"] * carry + x @ params["v"]
    return h, h


@pytest.mark.parametrize("executor", ["scan", "fused", "newton"])
def test_the_step_that_overflows_may_have_an_infinite_derivative(executor):
    cell = from_step(exponential, lambda params, batch: jnp.zeros((*batch, 4)), example=jnp.zeros(3))
    params = {"w": 2 * jnp.eye(4), "v": jnp.full((3, 4), 0.1), "b": jnp.full(4, 0.1)}
    xs = jnp.zeros((STEPS, 2, 3)).at[:, 1].set(-20)
    start = jax.tree.map(lambda a: a.at[0].set(3), cell.initial_carry(params, (2,)))

    def loss(params, xs, carry):
        return unroll(cell, params, xs, carry, resets=RESETS, executor=executor)[1][CUT].sum()

    value, gradients = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))(params, xs, start)
    assert jnp.isfinite(value) and all(jnp.isfinite(a).all() for a in jax.tree.leaves(gradients))
    assert not gradients[1][:CUT, 0].any()


@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        (RGLRU(4), "associative"),
        (LRU(4), Associative(chunk=4)),
        pytest.param(RGLRU(4), "scan", marks=pytest.mark.slow),
        pytest.param(LRU(4), "fused", marks=pytest.mark.slow),
    ],
    ids=named,
)
def test_a_reset_cuts_off_an_infinite_state_of_a_linear_recurrence(cell, executor):
    params = cell.init(jax.random.key(0), 3)
    infinite = jax.tree.map(lambda a: a.at[0].set(jnp.inf), cell.initial_carry(cell.prepare(params), (2,)))

    def loss(params, xs, carry, resets):
        return jnp.sum(jnp.sin(unroll(cell, params, xs, carry, resets=resets, executor=executor)[1][CUT:, 0].real))

    gradients = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
    got = gradients(params, XS, infinite, RESETS)
    clean = jax.tree.map(jnp.zeros_like, infinite)
    close(got, gradients(params, XS, clean, RESETS), rtol=1e-5, atol=1e-6)
    assert not got[1][1][:CUT].any()


@pytest.mark.parametrize("executor", ["scan", "fused"])
def test_an_overflow_that_is_not_cut_off_is_seen_in_the_gradient(executor):
    def loss(params, step):
        return unroll(RELU, params, XS, START, resets=RESETS, executor=executor)[1][step].sum()

    value, gradient = jax.value_and_grad(loss)(PARAMS, CUT - 1)
    assert not jnp.isfinite(value) and not jnp.isfinite(gradient.w_h).all()


@every_executor
def test_steps_under_the_mask_send_nothing_back_to_a_state_that_is_not_finite(executor):
    """Of the first sequence all steps from the overflow on are padding, and the loss reads the second alone."""
    mask = jnp.ones((STEPS, 2), bool).at[6:, 0].set(False)
    xs = XS.at[7:, 0].set(jnp.nan)

    def loss(params, xs, carry):
        return jnp.log1p(unroll(RELU, params, xs, carry, mask=mask, executor=executor)[1][:, 1]).sum()

    def second(params, xs, carry):
        return jnp.log1p(unroll(RELU, params, xs[:, 1:], jax.tree.map(lambda a: a[1:], carry))[1]).sum()

    got, right = (jax.jit(jax.value_and_grad(f, (0, 1, 2)))(PARAMS, xs, START) for f in (loss, second))
    close(got, right, rtol=1e-4, atol=1e-6)


def test_truncated_gradients_and_stacks_and_both_directions_are_cut_as_well():
    def truncated(params, every):
        ys = unroll(RELU, params, XS, START, resets=RESETS, truncate_every=every)[1]
        return jnp.log1p(ys[CUT:]).sum()

    def stacked(params):
        cell = Stack((RELU, LSTM(4)))
        lstm = LSTM(4).init(jax.random.key(2), 4)
        start = (START, LSTM(4).initial_carry(lstm, (2,)))
        return unroll(cell, (params, lstm), XS, start, resets=RESETS)[1][CUT:].sum()

    def both(params):
        (_, _), (f, b) = bidirectional((RELU, RELU), (params, params), XS, (START, START), resets=RESETS, merge="pair")
        return jnp.log1p(f[CUT:]).sum() + jnp.log1p(b[:2, 1]).sum()

    def learned(params):
        cell = LearnedCarry(RELU)
        whole = cell.init(jax.random.key(0), 3)._replace(inner=params)
        return jnp.log1p(unroll(cell, whole, XS, START, resets=RESETS)[1][CUT:]).sum()

    losses = (lambda p: truncated(p, 5), lambda p: truncated(p, (3, 9)), stacked, both, learned)
    for value, gradient in jax.jit(lambda params: [jax.value_and_grad(loss)(params) for loss in losses])(PARAMS):
        assert jnp.isfinite(value) and all(jnp.isfinite(a).all() for a in gradient)


def test_measured_gradients_are_exactly_zero_before_a_cut():
    path = gradflow.trajectory(RELU, PARAMS, XS, START, resets=RESETS)
    norms = gradflow.gradient_norms(path, lambda ys, _: ys[-1].sum())
    assert (norms.joint[: CUT + 1, 0] == -jnp.inf).all()
    assert jnp.isfinite(norms.joint[CUT + 1 :, 0]).all() and jnp.isfinite(norms.joint[:, 1]).all()


class Counting(NamedTuple):
    """A state and the steps since it began."""

    h: jax.Array
    steps: jax.Array


COUNTER = from_step(
    lambda w, carry, x: (
        Counting(jnp.tanh(w * carry.h + x) / (1 + carry.steps.astype(w.dtype)), carry.steps + 1),
        carry.h,
    ),
    lambda w, batch_shape: Counting(jnp.zeros((*batch_shape, 1)), jnp.zeros((*batch_shape, 1), jnp.int32)),
    output=lambda w, carry: carry.h,
)


@pytest.mark.parametrize("executor", ["scan", "fused", Checkpointed("scan", every=2)], ids=named)
def test_a_state_with_integers_has_the_gradient_of_the_parts_that_a_reset_leaves(executor):
    """A compiled gradient: outside of one a rule that closes over an integer of the state is found by nobody."""
    w, xs = jnp.float32(0.5), jax.random.normal(jax.random.key(0), (4, 1, 1))
    resets = jnp.array([[False], [False], [True], [False]])
    total = jax.jit(jax.grad(lambda w, **cuts: jnp.sum(unroll(COUNTER, w, xs, executor=executor, **cuts)[1])))
    parts = jax.grad(lambda w: sum(jnp.sum(unroll(COUNTER, w, part)[1]) for part in (xs[:2], xs[2:])))
    close(total(w, resets=resets), parts(w))
    close(total(w, mask=jnp.ones((4, 1), bool)), total(w))
