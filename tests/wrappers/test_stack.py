import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, explain, from_step, unroll
from recurrax.cell import layer_key
from recurrax.wrappers.stack import Stack
from tests.cells import test_gru, test_lstm, test_rnn

VARIANTS = [Stack((LSTM(4), GRU(3))), Stack((RNN(4),)), Stack((GRU(2, reset="after"), Stack((RNN(3), LSTM(2)))))]
ORACLES = {LSTM: test_lstm, GRU: test_gru, RNN: test_rnn}


def oracle_step(cell, params, carry, x):
    """The output of a layer is the input of the next."""
    new = []
    for layer, p, c in zip(cell.layers, params, carry, strict=True):
        step = oracle_step if layer.layers else ORACLES[type(layer)].oracle_step
        state, x = step(layer, p, c, x)
        new.append(state)
    return tuple(new), x


@pytest.mark.parametrize("reverse", [False, True])
def test_layer_by_layer_is_the_same_as_step_by_step(x64, reverse):
    cell = Stack((LSTM(4), GRU(3)))
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (7, 2, 2))
    mask, resets = np.arange(14).reshape(7, 2) % 3 != 0, np.arange(14).reshape(7, 2) % 5 == 0

    def by_step(params, xs):
        carry, ys = cell.initial_carry(params, (2,)), []
        for t in reversed(range(7)) if reverse else range(7):
            start = jax.tree.map(
                lambda a, b: jnp.where((resets & mask)[t][:, None], a, b), cell.initial_carry(params, (2,)), carry
            )
            z = cell.project(params, xs[t])
            new = cell.step(params, start, z)
            carry = jax.tree.map(lambda a, b: jnp.where(mask[t][:, None], a, b), new, carry)
            ys.append(jnp.where(mask[t][:, None], cell.output(params, carry, z), 0))
        return carry, jnp.stack(ys[::-1] if reverse else ys)

    def layered(params, xs):
        return unroll(cell, params, xs, mask=mask, resets=resets, reverse=reverse)

    def loss(f):
        return lambda *args: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(f(*args)))

    def values_and_gradients(f):
        return jax.jit(lambda *args: (f(*args), jax.grad(loss(f), (0, 1))(*args)))(params, xs)

    got, expected = map(values_and_gradients, (layered, by_step))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-13), got, expected)


def test_every_layer_has_a_key_of_its_own():
    cell = Stack((Noise(4), Noise(4)))
    params = cell.init(jax.random.key(0), 4)
    _, ys = unroll(cell, params, jnp.zeros((3, 4)), key=jax.random.key(5))
    keys = [jax.random.fold_in(jax.random.key(5), t) for t in range(3)]
    noise = [sum(jax.random.normal(layer_key(key, n), (4,)) for n in range(2)) for key in keys]
    np.testing.assert_allclose(ys, np.stack(noise), rtol=1e-6)


class Noise(RNN):
    """Gives its input and noise."""

    def project(self, weights, x, key=None):
        return x if key is None else x + jax.random.normal(key, x.shape)

    def step(self, weights, carry, z, dot=None):
        return type(carry)(z)


def test_truncation_cuts_all_layers_at_the_same_steps(x64):
    cell = Stack((GRU(3), GRU(3)))
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (8, 2))

    def last(xs):
        return unroll(cell, params, xs, truncate_every=(2, 4))[1][-1].sum()

    reached = np.abs(jax.grad(last)(xs)).sum(1) > 0
    np.testing.assert_array_equal(reached, [False] * 4 + [True] * 4)


def test_explain_tells_of_the_layers():
    cell = Stack((LSTM(4), GRU(3)))
    params = cell.init(jax.random.key(0), 2)
    told = explain(cell, params, jnp.zeros((5, 2)))
    assert told.executor == "layers" and "2 layers one after the other" in told.reason
    with pytest.raises(ValueError, match=r"executor='associative' cannot run LSTM\(.*not linear"):
        unroll(cell, params, jnp.zeros((5, 2)), executor="associative")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), r"layers must be a tuple of at least one cell, got \(\)"),
        ([LSTM(4)], "layers must be a tuple of at least one cell"),
        ((LSTM,), "cell must be a recurrax Cell, got <class .*LSTM'>. Make an instance"),
    ],
)
def test_bad_layers_are_named(layers, message):
    with pytest.raises(TypeError, match=message):
        Stack(layers)


def test_a_masked_step_sends_no_gradient_back_where_a_later_layer_is_undefined_at_zero():
    positive = from_step(
        lambda params, h, x: (h / 2 + jnp.exp(params * x), h / 2 + jnp.exp(params * x)),
        lambda params, batch: jnp.zeros((*batch, 2)),
        output=lambda params, h: h,
    )
    logarithm = from_step(
        lambda params, h, x: (h / 2 + jnp.log(params * x), h / 2 + jnp.log(params * x)),
        lambda params, batch: jnp.zeros((*batch, 2)),
        output=lambda params, h: h,
    )
    cell = Stack((positive, logarithm))
    xs = jax.random.normal(jax.random.key(0), (5, 3, 2))
    mask = jnp.arange(5)[:, None] < jnp.array([[5, 2, 0]])

    def loss(params, xs, **how):
        return jnp.sum(unroll(cell, params, xs, **how)[1] ** 2)

    params = (jnp.ones(2), jnp.ones(2))
    got = jax.grad(loss, (0, 1))(params, xs, mask=mask)
    parts = [jax.grad(loss, (0, 1))(params, xs[:n, b : b + 1]) for b, n in enumerate((5, 2))]
    for a, b in zip(got[0], jax.tree.map(jnp.add, *(part[0] for part in parts)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(got[1][:, 0], parts[0][1][:, 0], rtol=1e-5)
    np.testing.assert_array_equal(got[1][2:, 1], 0)
    np.testing.assert_array_equal(got[1][:, 2], 0)
