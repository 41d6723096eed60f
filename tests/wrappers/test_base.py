"""What the base of wrappers hands on is held by every wrapper's own test; here, what it refuses and shares out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM
from recurrax.cells.conv_gru import ConvGRU
from recurrax.wrappers._base import Wrapper, batch_shape_of, check_rate, check_shortcut, output_shape, two_keys


def test_the_bare_base_is_the_cell_inside():
    wrapper, cell = Wrapper(LSTM(3)), LSTM(3)
    params = wrapper.init(jax.random.key(0), 2)
    jax.tree.map(np.testing.assert_array_equal, params, cell.init(jax.random.key(0), 2))
    carry = wrapper.initial_carry(wrapper.prepare(params), (4,))
    z = wrapper.project(params, jnp.ones((4, 2)))
    new, expected = wrapper.step(params, carry, z), cell.step(params, carry, z)
    jax.tree.map(np.testing.assert_array_equal, new, expected)
    np.testing.assert_array_equal(wrapper.output(params, new, z), expected.h)
    gates = wrapper.gates(params, carry, z)
    jax.tree.map(np.testing.assert_array_equal, wrapper.retention(gates), cell.retention(gates))
    assert wrapper.input_size(params) == 2 and wrapper.zero_input(2).shape == (2,)


@pytest.mark.parametrize("trait", ["input_ndim", "draws_parameters", "clips_gradients", "signed_gates"])
def test_traits_are_those_of_the_cell_inside(trait):
    for cell in (LSTM(3), ConvGRU(2, (4,))):
        assert getattr(Wrapper(cell), trait) == getattr(cell, trait)


def test_what_is_no_cell_is_refused():
    with pytest.raises(TypeError, match="cell must be"):
        Wrapper("lstm")


def test_a_nest_of_wrappers_draws_from_keys_of_its_own():
    assert two_keys(None) == (None, None)
    own, inside = two_keys(jax.random.key(0))
    assert (jax.random.key_data(own) != jax.random.key_data(inside)).any()


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_lies_below_one(rate):
    with pytest.raises(ValueError, match=r"rate must lie in \[0, 1\), got"):
        check_rate("rate", rate)
    check_rate("rate", 0)


def test_a_shortcut_needs_an_output_as_wide_as_the_input():
    cell = GRU(3)
    params = cell.init(jax.random.key(0), 2)
    assert output_shape(cell, params, 2) == (3,)
    with pytest.raises(ValueError, match=r"input_size must be .*an input has shape \(2,\), an output of GRU.*\(3,\)"):
        check_shortcut(cell, params, 2)
    check_shortcut(cell, cell.init(jax.random.key(0), 3), 3)


def test_batch_axes_are_what_stands_before_the_features():
    assert batch_shape_of(LSTM(3), jnp.ones((5, 4, 2))) == (5, 4)
    assert batch_shape_of(LSTM(3), jnp.ones(2)) == ()
