import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, unroll
from recurrax.wrappers.dropout import Dropout, VariationalDropout
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.weight_drop import WeightDrop
from recurrax.wrappers.zoneout import Zoneout
from tests.wrappers import inner

VARIANTS = [
    Dropout(LSTM(4)),
    VariationalDropout(LSTM(4)),
    VariationalDropout(GRU(3), input_rate=0.0, recurrent_rate=0.5),
]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, carry, x)


def oracle_step(cell, params, carry, x):
    """At evaluation nothing is dropped."""
    return inner.oracle_step(cell.cell, params, carry, x)


class Echo(RNN):
    """h_t = x_t: shows what a cell is given."""

    def project(self, weights, x, key=None):
        return x

    def step(self, weights, carry, z, dot=None):
        return type(carry)(z)


class Sum(RNN):
    """h_t = h_{t-1} W + 1: shows what a product is given."""

    def step(self, weights, carry, z, dot=None):
        return type(carry)(dot(carry.h, weights.w_h) + 1)


def run(cell, xs, key):
    params = cell.init(jax.random.key(0), xs.shape[-1])
    return np.asarray(unroll(cell, params, xs, key=key)[1])


def test_dropout_draws_anew_for_every_step_and_keeps_the_mean():
    ys = run(Dropout(Echo(16), rate=0.25), jnp.ones((500, 4, 16)), jax.random.key(1))
    assert set(np.unique(ys)) == {0, np.float32(1 / 0.75)}
    assert abs(ys.mean() - 1) < 0.02 and (ys[1:] != ys[:-1]).any()


def test_variational_dropout_draws_once_per_sequence():
    ys = run(VariationalDropout(Echo(64), input_rate=0.25), jnp.ones((10, 40, 64)), jax.random.key(1))
    np.testing.assert_array_equal(ys, np.broadcast_to(ys[:1], ys.shape))
    assert abs(ys.mean() - 1) < 0.05 and (ys[0, 1:] != ys[0, :-1]).any()


def test_the_mask_of_the_recurrence_stays_for_a_sequence_and_is_on_the_operand():
    """With W = 1, h_t of a unit that is dropped stays 1, and that of another one is a geometric sum."""
    cell = VariationalDropout(Sum(32), recurrent_rate=0.5)
    params = cell.init(jax.random.key(0), 3)._replace(w_h=jnp.eye(32))
    _, ys = unroll(cell, params, jnp.zeros((4, 2, 3)), key=jax.random.key(1))
    last = np.asarray(ys[-1])
    assert set(np.unique(last)) == {1.0, 15.0} and 0.2 < (last == 1).mean() < 0.8


@pytest.mark.parametrize("cell", [Dropout(LSTM(4)), VariationalDropout(GRU(4)), VariationalDropout(LSTM(4))], ids=str)
def test_executors_drop_the_same_and_a_key_decides(cell):
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))

    def gradient(executor, key=2):
        return jax.grad(lambda p: unroll(cell, p, xs, key=jax.random.key(key), executor=executor)[1].sum())(params)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), gradient("fused"), gradient("scan"))
    assert (gradient("fused").w_x != gradient("fused", key=3).w_x).any()


@pytest.mark.parametrize(
    "cell",
    [
        Dropout(LSTM(4)),
        VariationalDropout(GRU(4)),
        Zoneout(LSTM(4)),
        WeightDrop(RNN(4), rate=0.5),
        Stack((Dropout(LSTM(3)), Dropout(GRU(4)))),
    ],
    ids=str,
)
def test_a_sequence_in_two_calls_has_the_bits_of_one(cell):
    params, key = cell.init(jax.random.key(0), 3), jax.random.key(2)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))
    run = functools.partial(unroll, cell, params, key=key, executor="scan")
    carry, ys = run(xs)
    middle, early = run(xs[:4])
    last, late = run(xs[4:], middle, first_step=4)
    np.testing.assert_array_equal(np.concatenate([early, late]), ys)
    jax.tree.map(np.testing.assert_array_equal, last, carry)
    _, repeated = run(xs[4:], middle)
    if not isinstance(cell, VariationalDropout | WeightDrop):  # whose noise is that of the whole sequence
        assert (np.asarray(repeated) != ys[4:]).any()


@pytest.mark.parametrize("first_step", [-1, 1.5, "2", True, jnp.ones(2, jnp.int32)])
def test_a_step_number_that_is_none_is_named(first_step):
    cell = RNN(3)
    with pytest.raises((TypeError, ValueError), match="^first_step must be"):
        unroll(cell, cell.init(jax.random.key(0), 2), jnp.ones((4, 2)), first_step=first_step)


def test_layers_of_a_stack_drop_apart():
    stack = Stack((Dropout(Echo(8), rate=0.5), Dropout(Echo(8), rate=0.5)))
    ys = run(stack, jnp.ones((400, 8)), jax.random.key(1))
    assert abs((ys > 0).mean() - 0.25) < 0.03


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda: Dropout(LSTM(4), rate=1.0), r"rate must lie in \[0, 1\), got 1.0"),
        (lambda: VariationalDropout(LSTM(4), input_rate=-0.1), r"input_rate must lie in \[0, 1\), got -0.1"),
        (lambda: VariationalDropout(LSTM(4), recurrent_rate=2), r"recurrent_rate must lie in \[0, 1\), got 2"),
    ],
)
def test_a_bad_hyper_parameter_is_named(wrap, message):
    with pytest.raises(ValueError, match=message):
        wrap()
