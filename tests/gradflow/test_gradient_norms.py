import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import LSTM, RNN, gradflow, unroll
from recurrax.initializers import OrthogonalPerGate
from tests.gradflow.references import FEATURES, every_run, explicit_jacobians, loss, probe_log_norms, runs, sequences


@every_run
def test_norms_are_those_of_zero_probes(x64, cell, kind):
    params, xs, arguments = cell.init(jax.random.key(0), FEATURES), sequences(), runs()[kind]
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs, **arguments), loss)
    joint, fields = probe_log_norms(cell, params, xs, loss, **arguments)
    np.testing.assert_allclose(norms.joint, joint, atol=1e-12, rtol=0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12, rtol=0), norms.fields, fields)


@every_run
def test_norms_of_a_loss_on_the_last_state_are_those_of_explicit_jacobian_products(x64, cell, kind):
    params, xs, arguments = cell.init(jax.random.key(0), FEATURES), sequences(), runs()[kind]
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs, **arguments), lambda ys, carry: carry.h.sum())
    for example in range(xs.shape[1]):
        gradient = np.zeros(sum(leaf.shape[-1] for leaf in jax.tree.leaves(cell.initial_carry(params))))
        gradient[: cell.hidden_size] = 1  # h is the first field of every state
        expected = [np.linalg.norm(gradient)]
        for matrix in reversed(explicit_jacobians(cell, params, xs, example, **arguments)):
            gradient = gradient @ matrix
            expected.append(np.linalg.norm(gradient))
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(norms.joint[::-1, example], np.log(expected), atol=1e-12, rtol=0)


def test_no_gradient_passes_a_reset(x64):
    cell, xs = LSTM(5), sequences(batch=())
    params = cell.init(jax.random.key(0), FEATURES)
    resets = jnp.arange(len(xs)) == 7
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, xs, resets=resets), lambda ys, carry: ys[-1].sum()
    )
    assert np.isneginf(norms.joint[:8]).all() and np.isfinite(norms.joint[8:]).all()


def test_a_loss_of_zero_gives_minus_infinity_everywhere_and_no_nan():
    cell = RNN(4)
    params = cell.init(jax.random.key(0), FEATURES)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, sequences()), lambda ys, carry: 0.0 * ys.sum())
    assert np.isneginf(norms.joint).all()


def test_norms_far_below_the_range_of_float32_stay_exact():
    """A linear cell that halves its state: the norm is 2^-k, and float32 ends at k = 149."""
    cell = RNN(4, activation="identity", recurrent_init=OrthogonalPerGate(gain=0.5))
    params = cell.init(jax.random.key(0), FEATURES)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.zeros((5000, FEATURES))), lambda ys, carry: ys[-1].sum()
    )
    distance = np.arange(5001)
    np.testing.assert_allclose(norms.joint[::-1] - norms.joint[-1], distance * np.log(0.5), rtol=2e-6, atol=1e-5)


def test_norms_far_above_the_range_of_float32_stay_exact():
    cell = RNN(4, activation="identity", recurrent_init=OrthogonalPerGate(gain=2.0))
    params = cell.init(jax.random.key(0), FEATURES)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.zeros((5000, FEATURES))), lambda ys, carry: ys[-1].sum()
    )
    np.testing.assert_allclose(norms.joint[0] - norms.joint[-1], 5000 * np.log(2), rtol=2e-6)


def test_a_faint_early_loss_is_found_beneath_a_gradient_that_has_died_on_the_way():
    """In float32 a late gradient of exactly zero must not swallow a tiny one that enters before it."""
    cell = RNN(4, activation="relu")
    params = cell.init(jax.random.key(0), FEATURES)._replace(b=jnp.full(4, -100.0))  # every unit is dead
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, sequences()), lambda ys, carry: ys[-1].sum() + 1e-30 * ys[3].sum()
    )
    assert np.isneginf(norms.joint[5:-1]).all()
    np.testing.assert_allclose(norms.joint[4], np.log(1e-30 * 2), rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_follows_float32(dtype):
    cell, xs = LSTM(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    exact = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    low = jax.tree.map(lambda a: a.astype(dtype), params)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, low, xs.astype(dtype)), lambda ys, carry: ys[-1].sum())
    assert norms.joint.dtype == jnp.float32
    np.testing.assert_allclose(norms.joint, exact.joint, atol=0.3)


def test_works_under_jit_vmap_and_any_batch_axes():
    cell, xs = LSTM(5), sequences(batch=(2, 3))
    many = jax.vmap(lambda key: cell.init(key, FEATURES))(jax.random.split(jax.random.key(0), 2))

    @jax.jit
    @jax.vmap
    def norms(params):
        return gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: jnp.sum(ys**2)).joint

    first = jax.tree.map(lambda p: p[0], many)
    flat = gradflow.gradient_norms(
        gradflow.trajectory(cell, first, xs.reshape(len(xs), 6, -1)), lambda ys, carry: jnp.sum(ys**2)
    ).joint
    np.testing.assert_allclose(norms(many)[0].reshape(-1, 6), flat, rtol=1e-5)


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (4, 0)])
def test_empty_and_single_sizes(shape):
    cell = LSTM(1)
    params = cell.init(jax.random.key(0), FEATURES)
    norms = gradflow.gradient_norms(
        gradflow.trajectory(cell, params, jnp.ones((*shape, FEATURES))), lambda ys, carry: carry.c.sum()
    )
    assert norms.joint.shape == (shape[0] + 1, shape[1])
    np.testing.assert_allclose(norms.joint[-1], 0.0)


def test_nan_under_the_mask_does_not_reach_the_norms():
    cell, xs = LSTM(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    mask = jnp.ones(xs.shape[:2], bool).at[5:8, 1].set(False)
    spoiled = jnp.where(mask[..., None], xs, jnp.nan)
    clean, dirty = (
        gradflow.gradient_norms(gradflow.trajectory(cell, params, x, mask=mask), loss).joint for x in (xs, spoiled)
    )
    np.testing.assert_array_equal(clean, dirty)


def test_the_gradient_with_respect_to_the_initial_carry_is_at_index_zero(x64):
    cell, xs = LSTM(5), sequences()
    params = cell.init(jax.random.key(0), FEATURES)
    start = jax.tree.map(lambda a: a + 0.3, cell.initial_carry(params, (xs.shape[1],)))
    gradient = jax.grad(lambda carry: loss(*unroll(cell, params, xs, carry)[::-1]))(start)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs, start), loss)
    np.testing.assert_allclose(norms.fields.c[0], jnp.log(jnp.linalg.norm(gradient.c, axis=-1)), atol=1e-12)


@pytest.mark.parametrize("bad", [lambda ys, carry: ys[-1], lambda ys, carry: ys.sum().astype(int)])
def test_a_loss_that_is_no_real_scalar_is_named(bad):
    cell = RNN(3)
    with pytest.raises(TypeError, match="loss must return a real scalar"):
        gradflow.gradient_norms(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences()), bad)


@pytest.mark.parametrize("measure", [gradflow.gradient_norms, gradflow.path_norms])
@pytest.mark.parametrize("bad", [None, 1.0])
def test_a_loss_that_is_no_function_is_named(measure, bad):
    cell = RNN(3)
    with pytest.raises(TypeError, match=r"loss must be a function, .* got"):
        measure(gradflow.trajectory(cell, cell.init(jax.random.key(0), FEATURES), sequences()), bad)


def test_a_hundred_thousand_steps_stay_finite():
    cell = LSTM(16)
    params = cell.init(jax.random.key(0), FEATURES)
    xs = jax.random.normal(jax.random.key(1), (100_000, 1, FEATURES))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    assert np.isfinite(norms.joint).all() and norms.joint[0, 0] < -1000
