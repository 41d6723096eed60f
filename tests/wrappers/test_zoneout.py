import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, unroll
from recurrax.cells.clockwork_rnn import ClockworkRNN
from recurrax.cells.lru import LRU
from recurrax.wrappers.residual import Residual
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.zoneout import Zoneout
from tests.wrappers import inner

VARIANTS = [
    Zoneout(LSTM(4), rate=0.2, rates=(("c", 0.5),)),
    Zoneout(GRU(3), rate=0.3),
    Zoneout(LRU(3), rate=0.3),
]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, carry, x)


def oracle_step(cell, params, carry, x):
    """Krueger et al. (2017): at evaluation the expectation of every field."""
    new, y = inner.oracle_step(cell.cell, params, carry, x)
    rates = {"h": cell.rate, **dict(cell.rates)}
    pairs = zip(new._fields, carry, new, strict=True)
    new = type(new)(*(rates[name] * old + (1 - rates[name]) * young for name, old, young in pairs))
    if isinstance(cell.cell, LRU):
        _, y = inner.oracle_step(cell.cell, params, new, x)
        re, im = new.h.real, new.h.imag
        return new, re @ params.w_y_re - im @ params.w_y_im
    return new, new.h


def run(cell, key, steps=400, batch=8):
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (steps, batch, 3))
    return unroll(cell, params, xs, key=key)[1]


def test_units_are_held_at_the_rate_and_move_as_the_cell_has_it_otherwise():
    ys = run(Zoneout(RNN(16), rate=0.3), jax.random.key(2))
    held = np.asarray(ys[1:] == ys[:-1])
    assert abs(held.mean() - 0.3) < 0.01
    for axis in (0, 1, 2):  # masks are drawn anew for every step, sequence and unit
        assert held.mean(axis).std() > 0.005
    free = unroll(RNN(16), RNN(16).init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (400, 8, 3)))[1]
    np.testing.assert_allclose(ys[0], np.where(ys[0] == 0, 0, free[0]), atol=1e-6)


def test_one_key_gives_one_run_and_no_key_the_expectation():
    cell = Zoneout(LSTM(4))
    np.testing.assert_array_equal(run(cell, jax.random.key(2)), run(cell, jax.random.key(2)))
    assert (run(cell, jax.random.key(2)) != run(cell, jax.random.key(3))).any()
    np.testing.assert_array_equal(run(cell, None), run(cell, None))


@pytest.mark.parametrize("executor", ["scan", "fused"])
def test_executors_draw_the_same(executor):
    cell = Zoneout(LSTM(4), rate=0.4)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (9, 2, 3))

    def gradient(executor):
        return jax.grad(lambda p: unroll(cell, p, xs, key=jax.random.key(2), executor=executor)[1].sum())(params)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), gradient(executor), gradient("scan"))


def test_nested_zoneouts_draw_apart():
    once, twice = Zoneout(RNN(64), rate=0.5), Zoneout(Zoneout(RNN(64), rate=0.5), rate=0.5)
    held = [np.mean(np.diff(run(cell, jax.random.key(2)), axis=0) == 0) for cell in (once, twice)]
    np.testing.assert_allclose(held, [0.5, 0.75], atol=0.02)


def test_integers_of_the_state_are_left_alone():
    cell = Zoneout(ClockworkRNN(4, periods=(1, 2)), rate=0.5)
    params = cell.init(jax.random.key(0), 3)
    for key in (None, jax.random.key(2)):
        carry, _ = unroll(cell, params, jnp.ones((7, 3)), key=key)
        assert carry.steps == 7


def test_it_composes():
    stack = Stack((Zoneout(Residual(GRU(3))), Residual(Zoneout(LSTM(3), rate=0.2))))
    params = stack.init(jax.random.key(0), 3)
    xs = jnp.ones((5, 2, 3))
    for key in (None, jax.random.key(1)):
        assert unroll(stack, params, xs, key=key)[1].shape == (5, 2, 3)
    same, other = (unroll(stack, params, xs, key=jax.random.key(k))[1] for k in (1, 2))
    assert (same != other).any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rate": 1.0}, ValueError, r"rate must lie in \[0, 1\), got 1.0"),
        ({"rate": "a"}, TypeError, "rate must be .*, got 'a'"),
        ({"rates": {"h": 0.1}}, TypeError, r"rates must be a tuple of pairs \(field, rate\), got {'h': 0.1}"),
        ({"rates": (("h", -1.0),)}, ValueError, r"rates must lie in \[0, 1\), got -1.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Zoneout(LSTM(4), **arguments)


def test_a_field_that_the_state_does_not_have_is_named():
    with pytest.raises(ValueError, match="rates names 'c', the state of GRU.* has h"):
        Zoneout(GRU(4), rates=(("c", 0.5),)).init(jax.random.key(0), 3)
