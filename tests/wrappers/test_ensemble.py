import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, unroll
from recurrax.wrappers.ensemble import Ensemble
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.zoneout import Zoneout
from tests.wrappers import inner

VARIANTS = [Ensemble(LSTM(4), size=2), Ensemble(GRU(3), size=3, combine="stack")]


def oracle_step(cell, params, carry, x):
    members = [jax.tree.map(lambda a, m=m: a[m], params.members) for m in range(cell.size)]
    pairs = zip(members, carry.members, strict=True)
    results = [inner.oracle_step(cell.cell, p, c, x) for p, c in pairs]
    ys = np.stack([y for _, y in results])
    return type(carry)(tuple(new for new, _ in results)), ys.mean(0) if cell.combine == "mean" else ys


def test_members_are_what_each_would_be_alone():
    cell = Ensemble(GRU(4), size=3, combine="stack")
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (6, 5, 2))
    _, ys = unroll(cell, params, xs)
    expected = jax.vmap(lambda p: unroll(GRU(4), p, xs)[1], out_axes=2)(params.members)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    mean = unroll(Ensemble(GRU(4), size=3), params, xs)[1]
    np.testing.assert_allclose(mean, expected.mean(2), atol=1e-6)


def test_members_are_drawn_apart_and_have_randomness_of_their_own():
    cell = Ensemble(Zoneout(GRU(16), rate=0.5), size=2, combine="stack")
    params = cell.init(jax.random.key(0), 2)
    assert (params.members.w_x[0] != params.members.w_x[1]).any()
    same = jax.tree.map(lambda a: jnp.stack([a[0], a[0]]), params)
    ys = unroll(cell, same, jnp.ones((5, 2)), key=jax.random.key(1))[1]
    assert (ys[:, 0] != ys[:, 1]).any()
    still = unroll(cell, same, jnp.ones((5, 2)))[1]
    np.testing.assert_array_equal(still[:, 0], still[:, 1])


def test_a_stack_of_ensembles_runs():
    cell = Stack((Ensemble(GRU(4), size=2), GRU(3)))
    params = cell.init(jax.random.key(0), 2)
    assert unroll(cell, params, jnp.ones((5, 2)))[1].shape == (5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"combine": "sum"}, "combine must be one of 'mean', 'stack', got 'sum'"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Ensemble(LSTM(4), **arguments)
