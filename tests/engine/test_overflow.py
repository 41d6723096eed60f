import jax
import jax.numpy as jnp
import numpy as np

from recurrax.engine.overflow import all_finite, excess, finite_where, infinite_unless

INF, NAN = jnp.inf, jnp.nan


def test_what_is_finite_is_told_of_the_leading_axes_over_all_floats():
    tree = {"a": jnp.array([[1.0, 2], [INF, 0]]), "b": jnp.array([3.0, 4]), "count": jnp.array([1, 2])}
    np.testing.assert_array_equal(all_finite(tree, (2,)), [True, False])
    assert all_finite({}, ()) and not all_finite(jnp.array([1, NAN]), ())


def test_coefficients_that_are_not_finite_are_left_out_where_a_step_is_lost():
    shared, own = jnp.array([INF, 1.0]), jnp.array([NAN, 2.0])
    for lost, expected in ((True, [0, 2.0]), (False, [NAN, 2.0])):
        kept, found = finite_where(jnp.array(lost), (shared, own), [shared])
        np.testing.assert_array_equal(found, expected)
        assert kept is shared


def test_a_tangent_of_what_is_not_finite_is_zero_or_infinite():
    tangents = jnp.array([0.0, 1e-30, -1e-37, 5.0])
    np.testing.assert_array_equal(infinite_unless(jnp.zeros(4, bool), tangents), [0, INF, -INF, INF])
    np.testing.assert_array_equal(infinite_unless(jnp.ones(4, bool), tangents), tangents)


def test_an_excess_is_not_finite_where_the_state_is_not_and_sends_zero_back_as_zero():
    state, alive = jnp.array([[1.0, INF], [1, 2]]), jnp.array([False, True])
    total, pullback = jax.vjp(lambda state: excess(state, alive), state)
    assert jnp.isinf(total[0]) and total[1] == 3
    np.testing.assert_array_equal(pullback(jnp.array([0.0, 1]))[0], [[0, 0], [1, 1]])
    assert jnp.isinf(pullback(jnp.array([1.0, 0]))[0][0]).all()
