import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from recurrax.training.clipping import clip_by_global_norm, clip_by_value, global_norm


def gradients(scale=1.0, dtype=np.float32):
    rng = np.random.default_rng(0)
    return {
        "w": jnp.asarray(scale * rng.normal(size=(4, 3)), dtype),
        "b": [jnp.asarray(scale * rng.normal(size=3), dtype)],
    }


def exact(tree):
    return np.concatenate([np.asarray(leaf, np.longdouble).ravel() for leaf in jax.tree.leaves(tree)])


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_where_nothing_overflows_it_is_what_optax_does(max_norm):
    expected, _ = optax.clip_by_global_norm(max_norm).update(gradients(), optax.EmptyState())
    got = clip_by_global_norm(gradients(), max_norm)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, expected)
    np.testing.assert_allclose(global_norm(gradients()), optax.tree.norm(gradients()), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-37, 1e-30, 1e-20, 1.0, 1e20, 1e30, 1e38])
@pytest.mark.parametrize("max_norm", [1e-3, 1.0])
def test_the_direction_is_kept_at_every_scale(scale, max_norm):
    given = {
        "w": jnp.array([0.3, -0.4], jnp.float32) * np.float32(scale),
        "b": jnp.array([1.2], jnp.float32) * np.float32(scale),
    }
    got, before = exact(clip_by_global_norm(given, max_norm)), exact(given)
    norm = np.sqrt((before**2).sum())
    np.testing.assert_allclose(got, before * min(1, max_norm / norm), rtol=1e-5)
    np.testing.assert_allclose(global_norm(given), float(norm), rtol=1e-6)


def test_optax_makes_zeros_of_the_same():
    """So that one sees why there is another: if this fails, optax has mended it."""
    given = {"w": jnp.full(3, 1e30, jnp.float32)}
    updates, _ = optax.clip_by_global_norm(1.0).update(given, optax.EmptyState())
    assert (updates["w"] == 0).all()
    np.testing.assert_allclose(clip_by_global_norm(given, 1.0)["w"], 1 / np.sqrt(3), rtol=1e-6)


def test_half_precision_is_summed_up_in_float32():
    given = jnp.full((1000,), 100.0, jnp.float16)
    assert global_norm(given).dtype == jnp.float32
    got = clip_by_global_norm(given, 1.0)
    assert got.dtype == jnp.float16
    np.testing.assert_allclose(got, 1 / np.sqrt(1000), rtol=1e-3)


def test_complex_entries_count_by_their_modulus():
    given = jnp.array([3e30 + 4e30j, 0], jnp.complex64)
    np.testing.assert_allclose(global_norm(given), 5e30, rtol=1e-6)
    np.testing.assert_allclose(clip_by_global_norm(given, 10.0), [6 + 8j, 0], rtol=1e-6)


def test_zeros_stay_zeros_and_nothing_stays_nothing():
    zeros = {"w": jnp.zeros((2, 3)), "none": jnp.zeros((0, 3))}
    jax.tree.map(np.testing.assert_array_equal, clip_by_global_norm(zeros, 1e-3), zeros)
    assert global_norm(zeros) == 0 and global_norm({}) == 0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_not_hidden(bad):
    got = clip_by_global_norm({"w": jnp.array([1.0, bad]), "b": jnp.ones(2)}, 1.0)
    assert all(jnp.isnan(leaf).all() for leaf in jax.tree.leaves(got))
    assert jnp.isnan(global_norm(jnp.array([bad, 1.0])))


def test_values_are_clipped_one_by_one():
    got = clip_by_value({"w": jnp.array([3.0, -0.2, jnp.nan, -jnp.inf]), "z": jnp.array([2 - 3j])}, 0.5)
    np.testing.assert_array_equal(got["w"], np.array([0.5, -0.2, np.nan, -0.5], np.float32))
    np.testing.assert_array_equal(got["z"], [0.5 - 0.5j])


@pytest.mark.parametrize("clip", [clip_by_global_norm, clip_by_value])
def test_a_bad_bound_is_named(clip):
    with pytest.raises(ValueError, match=r"max_\w+ must be above 0, got 0"):
        clip(gradients(), 0)
    with pytest.raises(TypeError, match=r"max_\w+ must be a number, got '1'"):
        clip(gradients(), "1")


@pytest.mark.parametrize("clip", [clip_by_global_norm, clip_by_value])
def test_a_traced_bound_does_what_a_known_one_does(clip):
    traced = jax.jit(clip)
    for bound in (0.5, 100.0):
        expected = clip(gradients(), bound)
        jax.tree.map(np.testing.assert_array_equal, traced(gradients(), bound), expected)
        jax.tree.map(np.testing.assert_array_equal, clip(gradients(), jnp.asarray(bound)), expected)
    half = traced(gradients(dtype=np.float16), 0.5)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype(jnp.float16)}


@pytest.mark.parametrize("clip", [clip_by_global_norm, clip_by_value])
def test_a_bad_bound_in_an_array_is_named_where_its_value_is_known(clip):
    with pytest.raises(ValueError, match=r"max_\w+ must be above 0, got -1"):
        clip(gradients(), jnp.asarray(-1.0))
    with pytest.raises(TypeError, match=r"max_\w+ must be a number"):
        clip(gradients(), jnp.ones(2))
    assert all(jnp.isnan(leaf).all() for leaf in jax.tree.leaves(jax.jit(clip)(gradients(), jnp.nan)))


def test_a_schedule_of_optax_sets_the_bound(standard_promotion):
    def clipping(max_norm):
        return optax.stateless(lambda updates, _: clip_by_global_norm(updates, max_norm))

    scheduled = optax.inject_hyperparams(clipping)(max_norm=optax.linear_schedule(0.8, 0.2, 3))
    state, norms = scheduled.init(gradients()), []
    for _ in range(5):
        updates, state = jax.jit(scheduled.update)(gradients(), state)
        norms.append(float(global_norm(updates)))
    np.testing.assert_allclose(norms, [0.8, 0.6, 0.4, 0.2, 0.2], rtol=1e-5)
