import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, gradflow, unroll
from recurrax.initializers import OrthogonalPerGate
from tests.gradflow.references import (
    BATCH,
    FEATURES,
    every_run,
    explicit_jacobians,
    exploding,
    loss,
    probe_log_norms,
    runs,
    saturated,
    sequences,
)


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


@pytest.mark.parametrize(("bias", "expected"), [(7.5, -310.274), (6.0, -250.274)])
def test_a_saturated_unit_has_its_norm_in_float32(bias, expected):
    norms = gradflow.gradient_norms(saturated(bias), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.joint[0], expected, atol=1e-3)


@pytest.mark.parametrize("bias", [0.0, 3.0, 10.0, 20.0, 40.0])
def test_saturation_costs_no_accuracy(x64, bias):
    state, expected = 0.0, 0.0
    for _ in range(20):
        a = state + bias
        state = np.tanh(a)
        expected += np.log(4) - 2 * a - 2 * np.log1p(np.exp(-2 * a))
    for dtype, error in ((jnp.float32, 4e-6), (jnp.float64, 1e-13)):
        norms = gradflow.gradient_norms(saturated(bias, dtype), lambda ys, carry: ys[-1].sum())
        np.testing.assert_allclose(norms.joint[0], expected, rtol=error)


@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_direct_path_through_a_gru_is_that_of_an_open_gate(x64, reset):
    """With z = sigmoid(20), h' = (1 - z) h + z n keeps sigmoid(-20) of h, where 1 - z is zero in float32."""
    cell = GRU(1, reset=reset, forget_bias=-20.0)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
    params = params._replace(b=jnp.float32([0, 20, 0]))
    xs = jnp.zeros((5, 1), jnp.float32)
    params = jax.tree.map(lambda a: a.astype(jnp.float32), params)
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.joint[0], -5 * np.log1p(np.exp(20.0)), rtol=1e-6)


def test_a_loss_that_saturates_is_differentiated_without_cancellation():
    norms = gradflow.gradient_norms(saturated(2.0), lambda ys, carry: jnp.tanh(20 * ys[-1]).sum())
    h = float(saturated(2.0).ys[-1, 0])
    np.testing.assert_allclose(norms.joint[-1], np.log(80) - 40 * h, rtol=1e-5)


def test_an_exploding_network_has_norms_of_nan_and_no_zero():
    for of in (lambda ys, carry: ys[-1].sum(), lambda ys, carry: jax.nn.relu(ys[-1]).sum()):
        norms = gradflow.gradient_norms(exploding(), of)
        assert np.isnan(norms.joint).all() and np.isnan(norms.fields.h).all()


def test_a_loss_before_the_explosion_has_the_norms_of_a_run_that_ends_there():
    path = exploding()
    got = gradflow.gradient_norms(path, lambda ys, carry: ys[9].sum()).joint
    short = gradflow.gradient_norms(exploding(10), lambda ys, carry: ys[9].sum()).joint
    np.testing.assert_allclose(got[:11], short, rtol=1e-5)
    assert np.isneginf(got[11:]).all()


def test_an_example_that_is_not_finite_spoils_no_other_and_nothing_before_a_reset():
    cell, xs = LSTM(3), sequences(8)
    params = cell.init(jax.random.key(0), FEATURES)
    spoiled = xs.at[2, 0].set(jnp.inf)
    resets = jnp.zeros((8, BATCH), bool).at[5].set(True)
    path = gradflow.trajectory(cell, params, spoiled, resets=resets)
    clean = gradflow.trajectory(cell, params, xs, resets=resets)
    got, expected = (gradflow.gradient_norms(p, lambda ys, carry: ys[-1].sum()).joint for p in (path, clean))
    np.testing.assert_array_equal(got[:, 1:], expected[:, 1:])
    np.testing.assert_array_equal(got[:, 0], expected[:, 0])
    every = gradflow.gradient_norms(path, lambda ys, carry: ys.sum()).joint
    assert np.isnan(every[:6, 0]).all() and np.isfinite(every[6:, 0]).all() and np.isfinite(every[:, 1:]).all()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_an_adjoint_that_overflows_between_finite_states_is_nan(dtype):
    """All states are zero; four weights of the largest number add up to infinity on the way back."""
    cell = RNN(4, activation="identity", use_bias=False)
    params = cell.init(jax.random.key(0), 1)
    params = params._replace(w_x=jnp.zeros((1, 4), dtype), w_h=jnp.full((4, 4), jnp.finfo(dtype).max, dtype))
    path = gradflow.trajectory(cell, params, jnp.zeros((4, 1), dtype))
    norms = gradflow.gradient_norms(path, lambda ys, carry: ys[-1].sum())
    assert int(path.first_not_finite) == -1
    assert np.isfinite(norms.joint[-1]) and np.isnan(norms.joint[:-1]).all()
    assert np.isnan(gradflow.lyapunov_spectrum(path)).all()


def test_the_gradient_that_pytorch_keeps_of_c_includes_the_path_through_h():
    cell, xs = LSTM(1), jax.random.normal(jax.random.key(1), (6, 1, 1))
    params = cell.init(jax.random.key(0), 1)

    def last_output(before_h, after_h):
        """An LSTM by hand; a probe at c_t before h_t is computed from it, where `retain_grad` looks, or after."""
        h = c = jnp.zeros((1, 1))
        for x, before, after in zip(xs, before_h, after_h, strict=True):
            i, f, g, o = jnp.split(x @ params.w_x + h @ params.w_h + params.b[None], 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g) + before
            h, c = jax.nn.sigmoid(o) * jnp.tanh(c), c + after
        return h[0, 0]

    kept, part_of_state = jax.grad(last_output, argnums=(0, 1))(jnp.zeros(6), jnp.zeros(6))
    norms = gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), lambda ys, carry: ys[-1].sum())
    np.testing.assert_allclose(norms.fields.c[1:, 0], jnp.log(jnp.abs(part_of_state)), rtol=1e-5)
    assert jnp.isneginf(norms.fields.c[-1, 0]) and jnp.isfinite(jnp.log(jnp.abs(kept[-1])))
    assert (jnp.abs(jnp.log(jnp.abs(kept))[:-1] - norms.fields.c[1:-1, 0]) > 0.01).all()
