import collections
import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax._util import checks


class Pair(NamedTuple):
    a: object
    b: object


@pytest.mark.parametrize("value", [1, 10**9])
def test_positive_integers_pass(value):
    checks.positive_int("size", value)


@pytest.mark.parametrize("value", [0, -1])
def test_an_integer_below_one_is_named(value):
    with pytest.raises(ValueError, match=f"size must be at least 1, got {value}"):
        checks.positive_int("size", value)


@pytest.mark.parametrize("value", [1.0, "1", None, True, [1], np.int64(1), float("nan")])
def test_what_is_no_plain_integer_is_named_with_its_type(value):
    with pytest.raises(TypeError, match=rf"size must be an integer.*, got .* of type {type(value).__name__}"):
        checks.positive_int("size", value)


@pytest.mark.parametrize("value", [0, 2**32 - 1, np.int64(7), np.uint32(2**32 - 1), jnp.int32(3)])
def test_seeds_of_32_bits_pass(value):
    checks.seed("seed", value)
    jax.jit(lambda seed: checks.seed("seed", seed))(jnp.asarray(value, jnp.uint32))


@pytest.mark.parametrize("value", [-1, 2**32, 2**63, np.int64(-1), jnp.int32(-1), np.array(-1)])
def test_a_seed_that_would_stand_for_another_is_refused(value):
    """`jax.random.key` takes -1 for 2**32 - 1 and 2**32 for 0."""
    with pytest.raises(ValueError, match=r"seed must be at (least 0, got -1|most 2\*\*32 - 1 = 4294967295, got)"):
        checks.seed("seed", value)


@pytest.mark.parametrize("value", [1.0, True, None, "0", jnp.ones(2, int)])
def test_what_is_no_seed_is_named(value):
    with pytest.raises(TypeError, match="seed must be an integer, got"):
        checks.seed("seed", value)


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError)])
def test_a_count_is_an_integer_of_at_least_one(value, error):
    checks.count("size", np.int32(1))
    with pytest.raises(error, match="size must be (at least 1|an integer), got"):
        checks.count("size", value)


@pytest.mark.parametrize("value", [0, -1.5, 1e300, np.float32(2), np.int8(-3)])
def test_finite_numbers_pass(value):
    checks.finite("gain", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan")])
def test_a_number_that_is_not_finite_is_named(value):
    with pytest.raises(ValueError, match=f"gain must be finite, got {value}"):
        checks.finite("gain", value)


@pytest.mark.parametrize("value", ["1", None, False, 1j, [1.0]])
@pytest.mark.parametrize("check", [checks.finite, checks.positive])
def test_what_is_no_number_is_named_with_its_type(value, check):
    with pytest.raises(TypeError, match=rf"gain must be a number, got .* of type {type(value).__name__}"):
        check("gain", value)


def test_a_traced_number_is_refused_like_any_other_array():
    with pytest.raises(TypeError, match="gain must be a number"):
        jax.jit(lambda gain: checks.finite("gain", gain))(1.0)


@pytest.mark.parametrize("value", [0, 0.0, -1e-30])
def test_a_number_that_is_not_above_zero_is_named(value):
    with pytest.raises(ValueError, match=f"radius must be above 0, got {value}"):
        checks.positive("radius", value)


def test_a_choice_is_one_of_the_names():
    checks.choice("reset", "after", ("before", "after"))
    with pytest.raises(ValueError, match="reset must be one of 'before', 'after', got 'During'"):
        checks.choice("reset", "During", ("before", "after"))


@pytest.mark.parametrize(
    "tree", [None, (), jnp.ones(2), np.ones(2), {"a": [np.float32(1)]}, jax.ShapeDtypeStruct((1,), float)]
)
def test_arrays_of_any_kind_pass(tree):
    checks.arrays("xs", tree)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (1.0, r"xs must be an array, got 1.0 of type float"),
        ([1, 2], r"xs\[0\] must be an array, got 1 of type int"),
        ({"a": jnp.ones(2), "b": "text"}, r"xs\['b'\] must be an array, got 'text' of type str"),
        (Pair(jnp.ones(2), True), r"xs\.b must be an array, got True of type bool.*jnp.asarray"),
    ],
)
def test_a_leaf_that_is_no_array_is_named_by_its_path(tree, message):
    with pytest.raises(TypeError, match=message):
        checks.arrays("xs", tree)


def test_flags_are_boolean_and_of_one_shape():
    checks.flags("mask", np.ones((2, 3), bool), (2, 3), "[T, *B]")
    checks.flags("mask", jnp.zeros((0,), bool), (0,), "[T, *B]")
    with pytest.raises(TypeError, match=r"mask must be boolean, got dtype float32; compare first, e.g. `mask > 0`"):
        checks.flags("mask", jnp.ones((2, 3)), (2, 3), "[T, *B]")
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 3\) \(\[T, \*B\]\), got \(3, 2\)"):
        checks.flags("mask", np.ones((3, 2), bool), (2, 3), "[T, *B]")


def test_shapes_are_compared_leaf_by_leaf():
    expected = Pair(jnp.zeros((2, 3)), (jnp.zeros(()), None))
    checks.same_shapes("carry", Pair(np.ones((2, 3)), (np.ones(()), None)), expected, "LSTM(4)")
    with pytest.raises(ValueError, match=r"carry\.a has shape \(3, 2\), LSTM\(4\) expects \(2, 3\)"):
        checks.same_shapes("carry", Pair(np.ones((3, 2)), (np.ones(()), None)), expected, "LSTM(4)")
    with pytest.raises(ValueError, match=r"carry\.b\[0\] has shape \(1,\), LSTM\(4\) expects \(\)"):
        checks.same_shapes("carry", Pair(np.ones((2, 3)), (np.ones(1), None)), expected, "LSTM(4)")


Namesake = collections.namedtuple("Pair", ["a", "b"], module="elsewhere")


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (None, r"got None, expected Pair\(a, b\), at carry\."),
        (Pair(np.ones(2), np.ones(2)), r"got an array, expected None, at carry\.b\."),
        (Pair(np.ones(2), (np.ones(2), 1)), r"got a tuple of 2, expected None, at carry\.b\."),
        ({"a": 1, "b": 2}, r"got a dict of 'a', 'b', expected Pair\(a, b\), at carry\."),
        (Namesake(np.ones(2), None), r"got elsewhere\.Pair, expected .*test_checks\.Pair, at carry\."),
        (np.ones(2), r"got an array, expected Pair\(a, b\), at carry\."),
    ],
)
def test_another_structure_is_told_where_it_differs_and_by_its_names(got, message):
    with pytest.raises(TypeError, match=r"carry has another structure than LSTM\(4\) expects: " + message):
        checks.same_shapes("carry", got, Pair(jnp.zeros(2), None), "LSTM(4)")
    with pytest.raises(TypeError, match=message.replace("carry", r"carry\[1\]")):
        checks.same_shapes("carry", (0, got), (0, Pair(jnp.zeros(2), None)), "LSTM(4)")


def test_a_hyper_parameter_without_a_hash_is_named():
    @dataclasses.dataclass(frozen=True)
    class Sized:
        hidden_size: object

    checks.compares_by_value("cell", Sized(4))
    with pytest.raises(TypeError, match=r"cell must have .* that hash.*; Sized has hidden_size=\[4\] of type list"):
        checks.compares_by_value("cell", Sized([4]))


@pytest.mark.parametrize("got", [(np.ones(2), None), [np.ones(2), None], (1, 2, 3)])
def test_a_plain_tuple_is_not_taken_for_one_with_names(got):
    expected = Pair(jnp.zeros(2), None)
    message = r"carry holds a plain (tuple|list) where LSTM\(4\) expects Pair.*name the fields, Pair\(a=..., b=...\)"
    for nest in (lambda pair: pair, lambda pair: (expected, pair)):
        with pytest.raises(TypeError, match=message):
            checks.same_shapes("carry", nest(got), nest(expected), "LSTM(4)")


@pytest.mark.parametrize("value", [0, 3, np.int64(3)])
def test_sizes_pass(value):
    checks.size("size", value)


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.0, TypeError), (True, TypeError), ("1", TypeError)])
def test_what_is_no_size_is_named(value, error):
    with pytest.raises(error, match=f"size must be .*, got {value!r}"):
        checks.size("size", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("lstm", "'lstm'"),
        (np.ones((2, 3)), "an array of shape (2, 3)"),
        (Pair(np.ones(2), None), "a Pair of arrays"),
        ([np.ones(2)], "a list of 1"),
        ("x" * 300, "a str"),
    ],
)
def test_a_value_is_told_in_brief(value, text):
    assert checks.brief(value) == text
