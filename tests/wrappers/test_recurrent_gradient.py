import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, gradflow, unroll
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from recurrax.wrappers.stack import Stack
from recurrax.wrappers.zoneout import Zoneout
from tests.wrappers import inner

# The common suite holds gradients to be true ones, so that it gets the wrapper with nothing switched on.
VARIANTS = [RecurrentGradient(LSTM(4)), RecurrentGradient(GRU(3))]


def oracle_gates(cell, params, carry, x):
    return inner.oracle_gates(cell.cell, params, carry, x)


def oracle_step(cell, params, carry, x):
    """Values are those of the cell."""
    return inner.oracle_step(cell.cell, params, carry, x)


def reference(cell, params, xs, change):
    """dL/ds_t of a loss on the last output, step by step, `change` applied to what flows through each step."""
    weights, states = params, [cell.initial_carry(params)]
    for x in xs:
        states.append(cell.step(weights, states[-1], cell.project(weights, x)))
    gradient = jax.tree.map(jnp.zeros_like, states[-1])._replace(h=jnp.ones(cell.hidden_size))
    found = [gradient]
    for t in range(len(xs) - 1, -1, -1):
        _, pullback = jax.vjp(lambda s, t=t: cell.step(weights, s, cell.project(weights, xs[t])), states[t])
        gradient = change(pullback(gradient)[0])
        found.append(gradient)
    return found[::-1]


def clip_to_norm(g, limit):
    norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in g))
    return type(g)(*(leaf * min(1, limit / norm) for leaf in g))


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        ({"scale": 0.5}, lambda g: jax.tree.map(lambda a: 0.5 * a, g)),
        ({"cut": ("h",)}, lambda g: g._replace(h=jnp.zeros_like(g.h))),
        ({"clip_value": 0.05}, lambda g: jax.tree.map(lambda a: jnp.clip(a, -0.05, 0.05), g)),
        ({"clip_norm": 0.1}, lambda g: clip_to_norm(g, 0.1)),
        ({"scale": 2.0, "clip_value": 0.1}, lambda g: jax.tree.map(lambda a: jnp.clip(2 * a, -0.1, 0.1), g)),
    ],
    ids=["scale", "cut", "clip_value", "clip_norm", "both"],
)
@pytest.mark.parametrize("executor", ["scan", "fused"])
def test_the_gradient_between_steps_is_changed_and_values_are_not(x64, arguments, change, executor):
    inside = LSTM(4)
    cell = RecurrentGradient(inside, **arguments)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 3))
    np.testing.assert_array_equal(unroll(cell, params, xs)[1], unroll(inside, params, xs)[1])
    expected = reference(inside, params, xs, change)

    def loss(start, xs):
        return unroll(cell, params, xs, start, executor=executor)[1][-1].sum()

    got = jax.grad(loss)(cell.initial_carry(params), xs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-13), got, expected[0])
    if cell.clips_gradients:
        with pytest.raises(ValueError, match="cell must not clip gradients"):
            gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
        return
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    sizes = [0.5 * np.log(sum(float((leaf**2).sum()) for leaf in g)) for g in expected]
    np.testing.assert_allclose(norms.joint, sizes, atol=1e-10)


def test_the_norm_is_clipped_for_every_example_on_its_own(x64):
    cell = RecurrentGradient(GRU(4), clip_norm=0.3)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 5, 3))

    def start_gradient(xs, start):
        return jax.grad(lambda s: unroll(cell, params, xs, s)[1][-1].sum())(start).h

    batch = start_gradient(xs, cell.initial_carry(params, (5,)))
    single = [start_gradient(xs[:, b], cell.initial_carry(params)) for b in range(5)]
    np.testing.assert_allclose(batch, np.stack(single), atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale": float("nan")}, ValueError, "scale must be .*, got nan"),
        ({"cut": "h"}, TypeError, "cut must be a tuple of names of fields, got 'h'"),
        ({"clip_value": 0.0}, ValueError, "clip_value must be .*, got 0.0"),
        ({"clip_norm": -1.0}, ValueError, "clip_norm must be .*, got -1.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        RecurrentGradient(LSTM(4), **arguments)


def test_a_clip_deep_inside_is_known_of():
    clipped = RecurrentGradient(GRU(4), clip_value=1.0)
    assert Zoneout(clipped).clips_gradients and Stack((GRU(4), Zoneout(clipped))).clips_gradients
    assert not RecurrentGradient(GRU(4), scale=0.5).clips_gradients


def test_a_field_that_the_state_does_not_have_is_named():
    with pytest.raises(ValueError, match="cut must name fields of the state of GRU.*, h, got 'c'"):
        RecurrentGradient(GRU(4), cut=("c",)).init(jax.random.key(0), 3)
