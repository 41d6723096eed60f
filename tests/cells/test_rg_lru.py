import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import unroll
from recurrax.cells.rg_lru import RGLRU
from tests.oracles import sigmoid

VARIANTS = [
    RGLRU(hidden_size=3),
    RGLRU(hidden_size=4, c=2.0, decay_min=0.3, decay_max=0.8),
    RGLRU(hidden_size=3, scale_first=False),
]


def oracle_gates(cell, params, carry, x):
    """De et al. (2024), to the letter."""
    r, i = np.split(sigmoid(x @ params.w_x + params.b), 2)
    return {"r": r, "i": i, "a": sigmoid(params.logit_a) ** (cell.c * r)}


def oracle_step(cell, params, carry, x):
    """h_t = a_t h_{t-1} + sqrt(1 - a_t^2) (i_t x_t), with P x in the place of an x of another width."""
    gates = oracle_gates(cell, params, carry, x)
    bare = x if params.w_p is None else x @ params.w_p
    first = carry.fresh is not None and carry.fresh
    h = gates["a"] * carry.h + (1 if first else np.sqrt(1 - gates["a"] ** 2)) * (gates["i"] * bare)
    return type(carry)(h, None if carry.fresh is None else np.array(False)), h


def test_decays_are_drawn_uniformly():
    params = RGLRU(hidden_size=20_000).init(jax.random.key(0), 1)
    decay = sigmoid(np.asarray(params.logit_a, np.float64)) ** 8
    assert 0.9 - 1e-5 <= decay.min() and decay.max() <= 0.999 + 1e-5
    np.testing.assert_allclose(np.quantile(decay, [0.25, 0.5, 0.75]), 0.9 + 0.099 * np.array([1, 2, 3]) / 4, atol=2e-3)


def test_an_open_gate_decays_by_a_to_the_c_and_a_shut_one_holds_the_state_against_the_input(x64):
    cell = RGLRU(hidden_size=2)
    params = cell.init(jax.random.key(0), 2)
    xs = jax.random.normal(jax.random.key(1), (50, 2))
    start = cell.initial_carry(params)._replace(h=jnp.array([1.0, -2.0]))
    params = params._replace(w_x=jnp.zeros((2, 4)))
    opened = params._replace(b=jnp.array([1000.0, 1000.0, 0.0, 0.0]))
    carry, _ = unroll(cell, opened, jnp.zeros_like(xs), start)
    np.testing.assert_allclose(carry.h, sigmoid(params.logit_a) ** (8 * 50) * start.h, rtol=1e-10)
    shut = params._replace(b=jnp.array([-1000.0, -1000.0, 1000.0, 1000.0]))
    np.testing.assert_array_equal(unroll(cell, shut, xs, start)[0].h, start.h)


def test_white_noise_gives_the_state_the_variance_of_what_passes_the_input_gate():
    cell = RGLRU(hidden_size=16, decay_min=0.8, decay_max=0.9)
    params = cell.init(jax.random.key(0), 16)
    params = params._replace(w_x=jnp.zeros_like(params.w_x), b=jnp.repeat(jnp.array([0.0, 20.0]), 16))
    carry, _ = unroll(cell, params, jax.random.normal(jax.random.key(1), (200, 512, 16)))
    np.testing.assert_allclose(np.var(np.asarray(carry.h)), 1, rtol=0.1)


@pytest.mark.parametrize("logit", [8.0, 20.0, 90.0, 200.0, -200.0])
def test_gradients_are_finite_however_near_one_and_zero_the_decay_is(logit):
    cell = RGLRU(hidden_size=3)
    params = cell.init(jax.random.key(0), 3)._replace(logit_a=jnp.full(3, logit))
    xs = jax.random.normal(jax.random.key(1), (20, 3))
    gradient = jax.grad(lambda params, xs: jnp.sum(unroll(cell, params, xs)[1] ** 2), (0, 1))(params, xs)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_a_decay_near_one_keeps_the_digits_of_what_is_written():
    cell = RGLRU(hidden_size=1)
    params = cell.init(jax.random.key(0), 1)._replace(logit_a=jnp.array([25.0]), w_x=jnp.zeros((1, 2)))
    n = cell.project(params, jnp.ones(1)).n
    np.testing.assert_allclose(n, np.sqrt(-np.expm1(-8 * np.log1p(np.exp(-25.0)))), rtol=1e-6)


def test_the_first_step_of_a_run_in_pieces_under_a_mask_and_after_a_reset_is_the_one_without_the_root(x64):
    cell = RGLRU(hidden_size=3, scale_first=False)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (8, 2, 3))
    _, whole = unroll(cell, params, xs)
    z = cell.project(params, xs[0])
    np.testing.assert_allclose(whole[0], z.i * xs[0], rtol=1e-12)
    carry, before = unroll(cell, params, xs[:3])
    _, after = unroll(cell, params, xs[3:], carry, first_step=3)
    np.testing.assert_allclose(jnp.concatenate([before, after]), whole, rtol=1e-12)
    mask = jnp.arange(8)[:, None] >= jnp.array([[0, 2]])
    np.testing.assert_allclose(
        unroll(cell, params, xs, mask=mask)[1][2:, 1], unroll(cell, params, xs[2:, 1])[1], rtol=1e-12
    )
    resets = jnp.arange(8)[:, None] == jnp.array([[5, 5]])
    np.testing.assert_allclose(unroll(cell, params, xs, resets=resets)[1][5:], unroll(cell, params, xs[5:])[1])


def test_the_root_of_the_first_step_is_what_the_two_forms_differ_in(x64):
    paper, code = (RGLRU(hidden_size=3, scale_first=first) for first in (True, False))
    params = paper.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (5, 3))
    start = code.initial_carry(params)._replace(fresh=jnp.array(False))
    np.testing.assert_array_equal(unroll(code, params, xs, start)[1], unroll(paper, params, xs)[1])
    assert jnp.abs(unroll(code, params, xs)[1][0] - unroll(paper, params, xs)[1][0]).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"c": 0.0}, ValueError, "c must be above 0, got 0.0"),
        ({"decay_min": 0.9, "decay_max": 0.5}, ValueError, "got decay_min=0.9, decay_max=0.5"),
        ({"decay_max": 1.0}, ValueError, "decay_max < 1, got decay_min=0.9, decay_max=1.0"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        RGLRU(**{"hidden_size": 4, **arguments})
