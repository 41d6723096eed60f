import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM
from recurrax._util.float_leaves import float_leaves
from recurrax.engine.linearized import Pushforward, linearized
from recurrax.engine.make_run import make_run
from recurrax.engine.products import pieces_of, products_of
from recurrax.engine.run import project_all, states_of_all, transition

MASK = jnp.array([[True, True], [True, False], [True, True]])


def run_of(cell):
    xs = jax.random.normal(jax.random.key(1), (3, 2, 2))
    return make_run(cell, cell.init(jax.random.key(0), 2), xs, mask=MASK)


def of_carry(run, z, factors, pushforward, d_carry, taps):
    """Applies a map to the tangent of a carry, and of taps, alone."""
    push = pushforward.push(run.weights, run.initial, factors, z)
    zeros = [jax.tree.map(jnp.zeros_like, float_leaves(part)) for part in (run.weights, run.initial, z)]
    return push(zeros[0], zeros[1], d_carry, zeros[2], taps)


@pytest.mark.parametrize("cell", [LSTM(3), GRU(3)], ids=["lstm", "gru"])
def test_every_step_is_run_and_its_map_is_the_derivative(cell):
    @jax.jit
    def compare(run):
        z = project_all(run)
        factors, parts = [p.weight for p in products_of(run, z)], pieces_of(run, z)
        final, states, operands, pushforwards = linearized(run, z, factors, parts)
        known = states_of_all(run, z)
        before = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest[:-1]]), run.carry, states)
        tangent = jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), run.carry)

        def applied(taps):
            def apply(step):
                pushforward, z, _, _ = step
                return of_carry(run, z, factors, pushforward, float_leaves(tangent), taps)

            return apply

        def by_jvp(step):
            _, z, carry, inputs = step
            return float_leaves(jax.jvp(lambda c: transition(run, c, z, inputs), (carry,), (tangent,))[1])

        nothing_added = [jnp.zeros((2, p.end - p.begin)) for of_product in parts for p in of_product if p.z is None]
        _, _, _, without_taps = linearized(run, z, factors, [[] for _ in factors])
        rest = (z, before, run.inputs)
        maps = (
            jax.lax.map(applied(nothing_added), (pushforwards, *rest)),
            jax.lax.map(applied([]), (without_taps, *rest)),
            jax.lax.map(by_jvp, (pushforwards, *rest)),
        )
        return (final, states), known, operands, before, maps

    got, known, operands, before, (with_taps, without, expected) = compare(run_of(cell))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, got, known)
    jax.tree.map(close, with_taps, expected)
    jax.tree.map(close, without, expected)
    if isinstance(cell, LSTM):
        # A step that does not exist starts from the initial state, of zeros.
        close(operands[0], jnp.where(MASK[..., None], before.h, 0))


def test_what_is_known_anyway_is_not_kept():
    weight, operand = jnp.ones((3, 3)), jnp.ones(3)
    _, linear = jax.linearize(lambda v: jnp.dot(jnp.tanh(v), weight), operand)
    kept = Pushforward.of(linear, weight)
    assert sum(leaf.size for leaf in kept.residuals) == sum(leaf.size for leaf in jax.tree.leaves(linear)) - weight.size
    np.testing.assert_array_equal(kept.push(weight)(operand), linear(operand))
