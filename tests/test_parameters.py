"""Parameters as a nested dict and back."""

import re
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import pytest

from recurrax import GRU, LSTM, RNN, from_step
from recurrax.cells.lru import LRU
from recurrax.parameters import from_dict, parameter_shapes, to_dict


class Nested(NamedTuple):
    layers: tuple
    scale: jax.Array
    unused: jax.Array | None


def stack_params():
    return Nested((RNN(2).init(jax.random.key(0), 3), GRU(2).init(jax.random.key(1), 2)), jnp.ones(2), None)


STACK = from_step(
    lambda params, h, x: (h, h),
    lambda params, batch: jnp.zeros(batch),
    init=lambda key, n: stack_params(),
    example=jnp.ones(3),
)


@pytest.mark.parametrize(
    "cell", [RNN(2), LSTM(2), GRU(2), GRU(2, reset="after"), LSTM(2, forget_bias=0, use_bias=False)]
)
def test_there_and_back_gives_the_same_parameters(cell):
    params = cell.init(jax.random.key(0), 3)
    back = from_dict(cell, 3, to_dict(params))
    assert type(back) is type(params)
    chex.assert_trees_all_equal(back, params)


def test_every_array_goes_by_the_name_of_its_field():
    tree = to_dict(GRU(2, reset="after").init(jax.random.key(0), 3))
    assert {name: leaf.shape for name, leaf in tree.items()} == {"w_x": (3, 6), "w_h": (2, 6), "b": (6,), "b_hn": (2,)}


def test_fields_that_are_none_are_left_out():
    assert set(to_dict(GRU(2).init(jax.random.key(0), 3))) == {"w_x", "w_h", "b"}
    assert set(to_dict(RNN(2, use_bias=False).init(jax.random.key(0), 3))) == {"w_x", "w_h"}


def test_nested_tuples_become_nested_dicts():
    tree = to_dict(stack_params())
    assert {name: set(value) for name, value in tree["layers"].items()} == {
        "0": {"w_x", "w_h", "b"},
        "1": {"w_x", "w_h", "b"},
    }
    assert set(tree) == {"layers", "scale"}
    chex.assert_trees_all_equal(from_dict(STACK, 3, tree), stack_params())


def test_the_order_of_the_dict_does_not_matter():
    params = LSTM(2).init(jax.random.key(0), 3)
    shuffled = {name: getattr(params, name) for name in ("b", "w_x", "w_h")}
    chex.assert_trees_all_equal(from_dict(LSTM(2), 3, shuffled), params)


def test_leaves_may_be_anything():
    assert from_dict(RNN(2), 3, {"w_x": "decay", "w_h": "decay", "b": "keep"}).b == "keep"


def test_a_missing_and_an_unknown_name_are_named():
    with pytest.raises(ValueError, match=r"names b, w_h, w_x for RNN\(.*missing: b, w_h, unknown: kernel"):
        from_dict(RNN(2), 3, {"w_x": jnp.ones((3, 2)), "kernel": jnp.ones((2, 2))})
    with pytest.raises(ValueError, match="missing: layers/1/b, unknown: none"):
        tree = to_dict(stack_params())
        del tree["layers"]["1"]["b"]
        from_dict(STACK, 3, tree)


@pytest.mark.parametrize("shape", [(3,), (2, 8), (5, 8), (1, 1)])
def test_an_array_that_does_not_fit_is_named(shape):
    tree = to_dict(LSTM(2).init(jax.random.key(0), 3)) | {"b": jnp.ones(shape)}
    message = rf"tree\['b'\] has shape {re.escape(str(shape))}, (LSTM\(hidden_size=2.* expects \(8,\)|where the other)"
    with pytest.raises(ValueError, match=message):
        from_dict(LSTM(2), 3, tree)


def test_axes_in_front_are_those_of_all_arrays():
    params = jax.vmap(lambda key: LSTM(2).init(key, 3))(jax.random.split(jax.random.key(0), 5))
    chex.assert_trees_all_equal(from_dict(LSTM(2), 3, to_dict(params)), params)
    with pytest.raises(ValueError, match=r"tree\['b'\] has shape \(8,\), where the other arrays have \(5,\) in front"):
        from_dict(LSTM(2), 3, to_dict(params) | {"b": params.b[0]})


def test_a_complex_array_is_refused_where_the_parameter_is_real():
    tree = to_dict(LSTM(2).init(jax.random.key(0), 3))
    with pytest.raises(
        TypeError, match=r"tree\['b'\] has shape \(8,\) and is complex \(complex64\), LSTM\(.* expects real numbers"
    ):
        from_dict(LSTM(2), 3, tree | {"b": tree["b"].astype(complex)})
    lru = LRU(2).init(jax.random.key(0), 3)
    chex.assert_trees_all_equal(from_dict(LRU(2), 3, to_dict(lru)), lru)


def test_a_bare_array_has_no_name():
    with pytest.raises(TypeError, match=r"must be a NamedTuple or a dict.* got an array of shape \(3,\)"):
        to_dict(jnp.ones(3))


def test_shapes_are_told_without_drawing():
    shapes = parameter_shapes(LSTM(2), 3)
    assert isinstance(shapes.w_x, jax.ShapeDtypeStruct) and shapes.w_x.shape == (3, 8)


def test_shapes_follow_the_float_of_the_moment_whichever_mode_asked_first():
    cell = LSTM(hidden_size=7)
    for x64, dtype in ((True, jnp.float64), (False, jnp.float32), (True, jnp.float64)):
        with jax.enable_x64(x64):
            assert parameter_shapes(cell, 3).w_x.dtype == dtype
