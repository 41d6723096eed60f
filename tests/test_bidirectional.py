import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, bidirectional, from_step, length_mask, unroll
from recurrax.bidirectional import merged, of_backward_direction
from recurrax.wrappers.zoneout import Zoneout

CELLS = LSTM(4), GRU(3)


def drawn(cells=CELLS):
    return tuple(cell.init(jax.random.key(n), 2) for n, cell in enumerate(cells))


XS = np.asarray(jax.random.normal(jax.random.key(5), (9, 3, 2)))


def test_each_direction_is_a_run_of_its_own():
    params = drawn()
    (forward, backward), ys = bidirectional(CELLS, params, XS)
    for n, (cell, carry) in enumerate(zip(CELLS, (forward, backward), strict=True)):
        own = unroll(cell, params[n], XS, reverse=n == 1)
        jax.tree.map(np.testing.assert_array_equal, carry, own[0])
        np.testing.assert_array_equal(np.split(ys, [4], axis=-1)[n], own[1])


def test_padding_is_as_if_it_were_not_there():
    params, lengths = drawn(), (9, 4, 0)
    (forward, backward), ys = bidirectional(CELLS, params, XS, mask=length_mask(jnp.array(lengths), 9))
    for b, length in enumerate(lengths):
        (own_f, own_b), own = bidirectional(CELLS, params, XS[:length, b])
        np.testing.assert_allclose(ys[:length, b], own, atol=1e-6)
        assert not ys[length:, b].any()
        jax.tree.map(
            lambda a, e, b=b: np.testing.assert_allclose(a[b], e, atol=1e-6), (forward, backward), (own_f, own_b)
        )


@pytest.mark.parametrize("masked", [False, True])
def test_a_reset_keeps_sequences_apart_in_both_directions(masked):
    """The steps from 5 on are another sequence; with the mask, 4 and 5 do not exist and it begins with 6."""
    params = drawn()
    mask = None if not masked else jnp.ones((9, 3), bool).at[4:6].set(False)
    begins = 6 if masked else 5
    resets = jnp.zeros((9, 3), bool).at[begins].set(True)
    _, ys = bidirectional(CELLS, params, XS, mask=mask, resets=resets)
    for steps in (slice(0, 4 if masked else 5), slice(begins, 9)):
        np.testing.assert_allclose(ys[steps], bidirectional(CELLS, params, XS[steps])[1], atol=1e-6)


def test_where_the_backward_direction_starts_anew():
    resets = jnp.array([True, False, False, True, False, True])
    np.testing.assert_array_equal(of_backward_direction(resets, None), [False, False, True, False, True, False])
    mask = jnp.array([True, True, False, True, True, False])
    np.testing.assert_array_equal(of_backward_direction(resets, mask)[mask], [False, True, False, False])
    assert of_backward_direction(jnp.zeros((0, 2), bool), None).shape == (0, 2)


@pytest.mark.parametrize(
    ("merge", "join"),
    [
        ("sum", lambda f, b: f + b),
        ("mean", lambda f, b: (f + b) / 2),
        ("product", lambda f, b: f * b),
        ("pair", lambda f, b: (f, b)),
    ],
)
def test_outputs_are_joined_as_asked(merge, join):
    cells = GRU(3), GRU(3)
    params = drawn(cells)
    f, b = (unroll(cell, p, XS, reverse=n == 1)[1] for n, (cell, p) in enumerate(zip(cells, params, strict=True)))
    got = bidirectional(cells, params, XS, merge=merge)[1]
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, atol=1e-6), got, join(f, b))


def test_truncation_cuts_both_directions():
    cells = RNN(4), RNN(3)
    params = drawn(cells)

    @jax.jit
    @jax.grad
    def gradient(xs):
        ys = bidirectional(cells, params, xs, truncate_every=3)[1]
        return ys[-1, :, :4].sum() + ys[0, :, 4:].sum()

    np.testing.assert_array_equal(gradient(jnp.asarray(XS)).any((1, 2)), [True] * 3 + [False] * 3 + [True] * 3)


def test_directions_have_randomness_of_their_own():
    cells = Zoneout(GRU(8), rate=0.5), Zoneout(GRU(8), rate=0.5)
    params = (drawn(cells)[0],) * 2
    xs = jnp.ones((9, 2))
    f, b = bidirectional(cells, params, xs, key=jax.random.key(0), merge="pair")[1]
    assert (f != b[::-1]).any()
    still_f, still_b = bidirectional(cells, params, xs, merge="pair")[1]
    np.testing.assert_allclose(still_f, still_b[::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"merge": "max"}, ValueError, "merge must be one of 'concat', .*, got 'max'"),
        ({"merge": "sum"}, ValueError, r"merge='sum' needs outputs of one shape, got \(9, 3, 4\) and \(9, 3, 3\)"),
        ({"carries": None}, TypeError, r"carries must be a pair \(forward, backward\), got None"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        bidirectional(CELLS, drawn(), XS, **arguments)


def _step(params, carry, x):
    return carry + x, {"sum": carry + x, "last": x}


def _zeros(params, batch_shape):
    return jnp.zeros((*batch_shape, 2))


def _outputs(params, carry):
    return {"sum": carry, "twice": 2 * carry}


@pytest.mark.parametrize("merge", ["concat", "sum", "mean", "product"])
def test_outputs_that_are_a_pytree_are_joined_leaf_by_leaf(merge):
    cells = (from_step(_step, _zeros, output=_outputs),) * 2
    both, ys = (bidirectional(cells, ((), ()), jnp.asarray(XS), merge=m)[1] for m in ("pair", merge))
    for name in ("sum", "twice"):
        np.testing.assert_array_equal(ys[name], merged(merge, both[0][name], both[1][name]))


def test_outputs_of_two_structures_stay_a_pair():
    cells = from_step(_step, _zeros, output=_outputs), from_step(_step, _zeros, example=jnp.ones(2))
    with pytest.raises(
        ValueError,
        match=r"one structure, but of the backward one: got a dict of .*, expected a dict of .*twice.*; take 'pair'",
    ):
        bidirectional(cells, ((), ()), jnp.asarray(XS))
