import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax._util.float_leaves import at_least_float32, by_field, float_leaves, float_merger, is_float, widened

TREE = {
    "complex": np.ones(2, np.complex64),
    "flag": np.array(True),
    "number": np.arange(3, dtype=np.int32),
    "real": np.zeros((2, 2), np.float32),
}


def test_real_and_complex_leaves_have_a_derivative_and_nothing_else_has():
    assert [name for name, leaf in TREE.items() if is_float(leaf)] == ["complex", "real"]
    assert not is_float(jax.random.key(0))
    assert [leaf.dtype for leaf in float_leaves(TREE)] == [np.complex64, np.float32]


def test_what_was_taken_out_comes_back_to_its_place():
    again = float_merger(TREE)([2 * leaf for leaf in float_leaves(TREE)])
    np.testing.assert_array_equal(again["complex"], [2, 2])
    assert again["number"] is TREE["number"] and again["flag"] is TREE["flag"]


def test_values_per_float_leaf_get_the_structure_of_the_tree():
    assert by_field(TREE, ["first", "second"]) == {"complex": "first", "flag": None, "number": None, "real": "second"}


@pytest.mark.parametrize(
    ("dtype", "wide"), [("bfloat16", "float32"), ("float16", "float32"), ("int8", "int8"), ("complex64", "complex64")]
)
def test_narrow_floats_alone_are_widened(dtype, wide):
    assert at_least_float32(jnp.ones(2, dtype)).dtype == wide


def test_widening_and_narrowing_lose_nothing():
    tree = {"narrow": jnp.array([0.1, 3.0], jnp.bfloat16), "number": jnp.arange(2)}
    wide, narrow = widened(tree)
    assert wide["narrow"].dtype == jnp.float32 and wide["number"].dtype == jnp.int32
    again = narrow(wide)
    assert again["narrow"].dtype == jnp.bfloat16
    jax.tree.map(np.testing.assert_array_equal, again, tree)
