import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.training.constraints import clip_singular_values


def test_singular_values_come_into_range_gate_by_gate_and_vectors_stay(x64):
    weight = jax.random.normal(jax.random.key(0), (4, 12))
    got = clip_singular_values(weight, 0.9, 1.1, gates=3)
    for before, after in zip(np.split(weight, 3, 1), np.split(got, 3, 1), strict=True):
        u, s, vh = np.linalg.svd(before)
        np.testing.assert_allclose(after, (u * np.clip(s, 0.9, 1.1)) @ vh, atol=1e-12)


def test_what_is_in_range_is_not_changed(x64):
    weight = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (5, 5)))[0]
    np.testing.assert_allclose(clip_singular_values(weight, 0.5, 1.5), weight, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1.0, "high": 0.5}, "low and high must be 0 <= low <= high, got 1.0 and 0.5"),
        ({"low": -1.0, "high": 0.5}, "low and high must be"),
        ({"low": 0.0, "high": 1.0, "gates": 3}, r"weight must have two axes, .*3 blocks wide, got shape \(4, 4\)"),
        ({"low": 0.0, "high": float("inf")}, "high must be finite, got inf"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        clip_singular_values(jnp.eye(4), **arguments)
