import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, Stack, gradflow, unroll
from recurrax._util.float_leaves import float_leaves
from recurrax.cells.lru import LRU
from recurrax.engine.make_run import make_run
from recurrax.engine.run import emit, project, transition
from tests.gradflow.references import FEATURES, exploding, runs, sequences

STEPS = 6


def squares(ys, carry):
    """Touches every output, with another weight at every step, and couples nothing."""
    weights = jnp.cos(jnp.arange(len(ys), dtype=ys.dtype)).reshape(-1, *[1] * (ys.ndim - 1))
    return jnp.sum(weights * ys**2)


def untied_log_norms(cell, params, xs, loss, mask=None, resets=None, reverse=False):
    """Gives every step weights of its own and differentiates by them: the definition of what a step adds."""
    run = make_run(cell, params, xs, mask=mask, resets=resets)
    order = range(run.length - 1, -1, -1) if reverse else range(run.length)

    def untied(weights):
        carry, ys = run.carry, [None] * run.length
        for n, t in enumerate(order):
            inputs = jax.tree.map(lambda a, t=t: a[t], run.inputs)
            own = run.replace(weights=jax.tree.map(lambda w, n=n: w[n], weights))
            z = project(own, inputs)
            carry = transition(own, carry, z, inputs)
            ys[t] = emit(own, carry, z, inputs)
        return loss(jnp.stack(ys), carry)

    weights = jax.tree.map(lambda w: jnp.broadcast_to(w, (run.length, *w.shape)), run.weights)
    gradient = jax.jit(jax.grad(untied))(weights)
    return jax.tree.map(lambda g: jnp.log(jnp.linalg.norm(g.reshape(run.length, -1), axis=-1)), gradient)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (RNN(2), "plain"),
        pytest.param(LRU(2), "plain", marks=pytest.mark.slow),
        pytest.param(GRU(3, reset="after"), "all", marks=pytest.mark.slow),
        pytest.param(Stack((LSTM(3), RNN(2))), "all", marks=pytest.mark.slow),
    ],
    ids=["rnn", "output weights", "gru", "stack"],
)
def test_what_a_step_adds_is_the_gradient_by_weights_of_its_own(x64, cell, kind):
    """Examples are measured side by side, and tried one by one."""
    params, xs = cell.init(jax.random.key(0), FEATURES), sequences(12)[:STEPS, :2]
    flags = {k: v if k == "reverse" else v[:STEPS, :2] for k, v in runs()[kind].items()}
    got = gradflow.parameter_norms(gradflow.trajectory(cell, params, xs, **flags), squares).weights
    for example in range(2):
        own = {k: v if k == "reverse" else v[:, example] for k, v in flags.items()}
        expected = untied_log_norms(cell, params, xs[:, example], squares, **own)
        for a, b in zip(float_leaves(got), float_leaves(expected), strict=True):
            np.testing.assert_allclose(a[:, example], b, atol=1e-9)


@pytest.mark.slow
def test_gates_are_those_of_the_gradient_by_the_bias_and_make_up_that_of_the_matrices(x64):
    """The bias is added to z_t, so that both have one gradient; that of W_x is the outer product with x_t."""
    cell, xs = LSTM(3), sequences(5, ())
    norms = gradflow.parameter_norms(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs), squares)
    together = 0.5 * np.log(sum(np.exp(2 * np.asarray(gate)) for gate in norms.gates))
    np.testing.assert_allclose(norms.weights.b, together, atol=1e-12)
    np.testing.assert_allclose(norms.weights.w_x, together + np.log(np.linalg.norm(xs, axis=-1)), atol=1e-12)


def test_norms_fall_below_the_range_of_floats():
    cell = RNN(1, activation="identity")
    params = cell.init(jax.random.key(0), 1)._replace(w_x=jnp.ones((1, 1)), w_h=jnp.full((1, 1), 0.5))
    path = gradflow.trajectory(cell, params, jnp.ones((300, 1)))
    norms = gradflow.parameter_norms(path, lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.weights.w_x, np.log(0.5) * np.arange(299, -1, -1), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_summands_of_one_unit_add_up_to_the_gradient_that_jax_has(x64):
    """With weights above zero and a linear unit no summand has another sign."""
    cell, xs = RNN(1, activation="identity"), jnp.abs(sequences(8, ()))[:, :1]
    params = jax.tree.map(lambda a: jnp.abs(a) + 0.1, cell.init(jax.random.key(0), 1))

    def last(ys, carry):
        return ys[-1].sum()

    norms = gradflow.parameter_norms(gradflow.trajectory(cell, params, xs), last).weights
    gradient = jax.grad(lambda params: last(unroll(cell, params, xs)[1], None))(params)
    for logs, whole in zip(norms, gradient, strict=True):
        np.testing.assert_allclose(np.exp(logs).sum(), jnp.abs(whole).sum(), rtol=1e-12)


def test_a_step_under_the_mask_adds_nothing():
    cell, xs = RNN(2), sequences(6)
    mask = jnp.ones(xs.shape[:2], bool).at[2].set(False)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs, mask=mask)
    logs = gradflow.parameter_norms(path, lambda ys, carry: ys[-1].sum()).weights.w_x
    assert np.isneginf(logs[2]).all() and np.isfinite(logs[3:]).all()


@pytest.mark.slow
def test_what_steps_add_to_a_gradient_that_is_not_finite_is_nan():
    logs = gradflow.parameter_norms(exploding(200), lambda ys, carry: ys[-1].sum()).weights.w_x
    assert np.isnan(logs).all()


@pytest.mark.parametrize("shape", [(0, 3), *(pytest.param(s, marks=pytest.mark.slow) for s in [(1, 3), (4, 0)])])
def test_empty_and_single_sizes(shape):
    cell = GRU(1)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), jnp.ones((*shape, FEATURES)))
    norms = gradflow.parameter_norms(path, lambda ys, carry: carry.h.sum())
    assert norms.weights.w_h.shape == norms.gates.r.shape == shape


def test_noise_that_examples_share_is_refused():
    cell, xs = LSTM(2), sequences(3)
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), xs, key=jax.random.key(1))
    with pytest.raises(ValueError, match="path must be a run without a key"):
        gradflow.parameter_norms(path, lambda ys, carry: ys.sum())
