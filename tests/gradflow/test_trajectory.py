import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, gradflow, unroll
from recurrax._util.float_leaves import float_leaves
from recurrax.gradflow.trajectory import check_differentiable, output_pullback, pullbacks, wide_dtype
from recurrax.wrappers.recurrent_gradient import RecurrentGradient
from tests.gradflow.references import BATCH, FEATURES, STEPS, explicit_jacobians, runs, sequences

CELL = LSTM(4)
PARAMS = CELL.init(jax.random.key(0), FEATURES)
XS = sequences()
RUNS = runs()


@functools.cache
def path_of(name):
    return gradflow.trajectory(CELL, PARAMS, XS, **RUNS[name])


@pytest.mark.parametrize("name", RUNS)
def test_outputs_and_the_last_state_are_those_of_unroll(name):
    path = path_of(name)
    final, ys = jax.jit(lambda: unroll(CELL, PARAMS, XS, **RUNS[name]))()
    np.testing.assert_allclose(path.ys, ys, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), path.final, final)


@pytest.mark.parametrize("name", ["plain", "reverse"])
def test_states_are_in_processing_order_and_one_more_than_the_outputs(name):
    path = path_of(name)
    assert path.states.h.shape == (STEPS + 1, BATCH, 4)
    np.testing.assert_array_equal(path.states.h[0], 0)
    np.testing.assert_array_equal(path.before.c[1:], path.after.c[:-1])
    np.testing.assert_array_equal(path.ordered(path.ys), path.after.h)


def test_without_steps_there_is_the_initial_state_alone():
    path = gradflow.trajectory(CELL, PARAMS, XS[:0])
    assert path.states.h.shape == (1, BATCH, 4) and path.before.h.shape == path.after.h.shape == (0, BATCH, 4)


def test_it_passes_through_a_transformation_whole():
    path = path_of("all")
    again = jax.jit(lambda path: path)(path)
    assert again.cell == CELL and again.reverse
    jax.tree.map(np.testing.assert_array_equal, again.states, path.states)


def test_a_pullback_is_the_transposed_jacobian_of_its_step():
    path = path_of("all")

    @jax.jit
    def through_all(path, cotangents):
        steps, of_step = pullbacks(path)
        return jax.lax.map(lambda step: of_step(step)(cotangents), steps)

    cotangents = [jax.random.normal(jax.random.key(n), (BATCH, 4)) for n in range(2)]
    got = np.concatenate([np.asarray(a)[:, 1] for a in through_all(path, cotangents)], -1)
    vector = np.concatenate([np.asarray(a)[1] for a in cotangents])
    matrices = explicit_jacobians(CELL, PARAMS, XS, 1, **RUNS["all"])
    np.testing.assert_allclose(got, [matrix.T @ vector for matrix in matrices], rtol=1e-4, atol=1e-5)


def test_an_output_sends_its_gradient_to_its_own_state():
    path = path_of("mask")
    (ones,) = float_leaves(jnp.ones_like(path.ys))
    c, h = (np.asarray(a) for a in output_pullback(path, [ones]))
    if path.states._fields[0] == "h":
        c, h = h, c
    assert not c.any()
    np.testing.assert_array_equal(h, np.broadcast_to(RUNS["mask"]["mask"][..., None], h.shape))


def test_a_cell_that_clips_gradients_and_what_is_no_path_are_refused():
    clipping = RecurrentGradient(LSTM(2), clip_norm=1.0)
    path = gradflow.trajectory(clipping, clipping.init(jax.random.key(0), 2), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="RecurrentGradient"):
        check_differentiable(path)
    with pytest.raises(TypeError, match="path must be a Trajectory, .*, got LSTM"):
        check_differentiable(CELL)


def test_measurements_are_at_least_in_float32():
    assert wide_dtype([jnp.ones(1, jnp.bfloat16)]) == np.float32
    assert wide_dtype([np.ones(1, np.complex128), np.ones(1, np.float32)]) == np.float64


def test_the_first_step_that_is_not_finite_is_known_of_every_example():
    xs = XS.at[3, 0].set(jnp.inf).at[5:, 1].set(jnp.nan)
    path = gradflow.trajectory(CELL, PARAMS, xs)
    np.testing.assert_array_equal(path.first_not_finite, [4, 6, -1])
    backwards = gradflow.trajectory(CELL, PARAMS, xs, reverse=True)
    np.testing.assert_array_equal(backwards.first_not_finite, [STEPS - 3, 1, -1])
    masked = gradflow.trajectory(CELL, PARAMS, xs, mask=jnp.isfinite(xs).all(-1))
    np.testing.assert_array_equal(masked.first_not_finite, [-1, -1, -1])
    bad_carry = CELL.initial_carry(PARAMS, (BATCH,))._replace(c=jnp.zeros((BATCH, 4)).at[2, 1].set(jnp.nan))
    np.testing.assert_array_equal(gradflow.trajectory(CELL, PARAMS, XS, bad_carry).first_not_finite, [-1, -1, 0])


def test_states_are_those_of_the_cell_and_not_of_what_is_linearised():
    cell = GRU(4)
    params = cell.init(jax.random.key(0), FEATURES)
    path = gradflow.trajectory(cell, params, 5 * XS)
    np.testing.assert_array_equal(path.ys, unroll(cell, params, 5 * XS, executor="fused")[1])
