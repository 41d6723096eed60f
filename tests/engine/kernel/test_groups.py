import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax.engine.kernel.groups import Groups
from recurrax.engine.kernel.implementation import Layout

ODD = Groups(batch=11, heads=2, units=5, layout=Layout(8, 32))


@pytest.mark.parametrize("groups", [ODD, Groups(8, 1, 32, Layout(8, 32)), Groups(1, 3, 1, Layout(16, 64))], ids=str)
@pytest.mark.parametrize("lead", [(), (7,)])
def test_joined_is_what_was_split(groups, lead):
    x = np.random.default_rng(0).normal(size=(*lead, groups.batch, groups.heads * groups.units))
    split = groups.split(jnp.asarray(x))
    assert split.shape == (*lead, groups.count, *groups.layout[::-1])
    np.testing.assert_array_equal(groups.join(split), jnp.asarray(x))


def test_what_fills_up_repeats_the_last_and_gets_no_gradient():
    x = jnp.arange(110.0).reshape(11, 10)
    split = ODD.split(x)
    np.testing.assert_array_equal(split[1, 5:, 0], np.full(27, x[8, 4]))
    np.testing.assert_array_equal(split[1, 0, 3:], np.full(5, x[10, 0]))
    gradient = jax.grad(lambda x: jnp.sum(ODD.join(ODD.split(x)) ** 2))(x)
    np.testing.assert_array_equal(gradient, 2 * x)


def test_nobody_hears_the_units_that_fill_a_head_up():
    by_head = jnp.ones((2, 3, 5, 5))
    padded = ODD.weight(by_head)
    assert padded.shape == (2, 3, 32, 32)
    assert not padded[..., 5:].any()
    np.testing.assert_array_equal(padded[:, :, 5:, :5], np.ones((2, 3, 27, 5)))
