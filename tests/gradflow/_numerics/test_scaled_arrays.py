import jax.numpy as jnp
import numpy as np

from recurrax.gradflow._numerics.scaled_arrays import add, log_norms, scaled, unscaled

EXPONENT = jnp.zeros(3, jnp.int32)


def test_rescaling_changes_no_bit_of_the_value():
    values = jnp.array([[1.1e-30, 3.3e-31], [7.7e30, 1.2e29], [0.3, 0.7]])
    s = scaled([values], EXPONENT)
    back = np.ldexp(np.asarray(s.arrays[0], np.float64), np.asarray(s.exponent)[:, None])
    np.testing.assert_array_equal(back, np.asarray(values, np.float64))
    assert (np.abs(s.arrays[0]).max(1) >= 0.5).all() and (np.abs(s.arrays[0]).max(1) < 1).all()


def test_the_largest_and_the_smallest_normal_numbers_keep_their_logarithm():
    values = jnp.array([[3.4e38], [1.2e-38], [1.0]])
    _, joint = log_norms(scaled([values], EXPONENT))
    np.testing.assert_allclose(joint, np.log([3.4e38, 1.2e-38, 1.0]), rtol=1e-6)


def test_a_zero_adds_nothing_whatever_its_scale():
    zero = scaled([jnp.zeros((3, 2))], EXPONENT + 1000)
    tiny = scaled([jnp.full((3, 2), 1e-30)], EXPONENT - 500)
    np.testing.assert_array_equal(log_norms(add(zero, tiny))[1], log_norms(tiny)[1])
    assert np.isneginf(log_norms(add(zero, zero))[1]).all()


def test_addition_agrees_with_float64_across_scales():
    a, b = jnp.array([[1.5], [1e-20], [-2.0]]), jnp.array([[2.0**-20], [1e-20], [2.0]])
    total = log_norms(add(unscaled([a], 1), unscaled([b], 1)))[1]
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(total, np.log(np.abs(np.asarray(a, float) + np.asarray(b, float)))[:, 0], rtol=1e-6)


def test_nan_and_infinity_are_nan():
    values = jnp.array([[jnp.nan, 1.0], [jnp.inf, 1.0], [1.0, 1.0]])
    joint = log_norms(scaled([values], EXPONENT))[1]
    assert np.isnan(joint[:2]).all() and np.isfinite(joint[2])


def test_complex_arrays_are_measured_by_their_modulus():
    joint = log_norms(scaled([jnp.array([[3 + 4j], [0j], [1j]])], EXPONENT))[1]
    np.testing.assert_allclose(joint[::2], np.log([5.0, 1.0]), atol=1e-6)


def test_a_small_field_keeps_its_norm_beside_a_large_one():
    fields, joint = log_norms(scaled([jnp.full((3, 2), 1.0), jnp.full((3, 2), 1e-25)], EXPONENT))
    np.testing.assert_allclose(fields[1], np.log(1e-25 * np.sqrt(2)), rtol=1e-6)
    np.testing.assert_allclose(joint, np.log(np.sqrt(2)), rtol=1e-6)
