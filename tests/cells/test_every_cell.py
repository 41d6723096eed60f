"""What every cell and wrapper must keep; a new file runs here as soon as it is there (`tests/cells/cases.py`).

What costs most of the time, and further variants, are left to `make test-all`.
"""

import dataclasses
import typing

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

import recurrax
from recurrax import unroll
from recurrax._util.float_leaves import float_leaves
from recurrax.cell import Cell
from recurrax.initializers import Initializer, Zeros
from tests.cells.cases import (
    INPUT_SIZE,
    MODULES,
    UNITS,
    at,
    close,
    core_cells,
    draw,
    drawn,
    every_class,
    every_variant,
    flags,
    identical,
    oracle_run,
    resized,
    smallest,
    twin,
    twin_path,
    variants,
)


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_a_twin_that_tests_all_its_cells(module):
    path = twin_path(module)
    assert twin(module), f"{module} has no twin: write {path} with VARIANTS and oracle_step."
    assert variants(module), f"{path} has no VARIANTS: list the instances of the cell to be tested."
    assert hasattr(twin(module), "oracle_step"), f"{path} has no oracle_step: write the paper's equations in NumPy."
    tried = {type(cell).__name__ for cell in variants(module)}
    missing = {cls.__name__ for cls in UNITS if cls.__module__ == module} - tried
    assert not missing, f"VARIANTS of {path} has no instance of {', '.join(sorted(missing))}."


@pytest.mark.parametrize("reverse", [True, pytest.param(False, marks=pytest.mark.slow)])
@every_class
def test_values_equal_the_oracle_with_masks_and_resets(x64, case, reverse):
    length, size = 13, 3
    params, xs, carry = draw(case, length, (size,))
    mask, resets = flags(0.7, (length, size), 1), flags(0.2, (length, size), 2)
    arguments = {"mask": mask, "resets": resets, "reverse": reverse, "executor": "scan"}
    final, ys = jax.device_get(unroll(case.cell, params, xs, carry, **arguments))
    expected_final, expected_ys = oracle_run(case, params, xs, carry, mask, resets, reverse)
    close(final, expected_final, rtol=1e-12, atol=1e-13)
    for t, b in np.ndindex(length, size):
        if mask[t, b]:
            close(ys[t, b], expected_ys[t][b], rtol=1e-12, atol=1e-13)
        else:
            assert not ys[t, b].any()


@every_variant
def test_parameters_are_drawn_in_the_default_dtype_and_by_the_key_alone(case):
    first, other = drawn(case.cell, seed=0), drawn(case.cell, seed=1)
    identical(jax.device_get(case.cell.init(jax.random.key(0), INPUT_SIZE)), first)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))
    assert {jnp.finfo(leaf.dtype).bits for leaf in jax.tree.leaves(first)} == {32}
    with jax.enable_x64(True):
        wide = jax.eval_shape(lambda: case.cell.init(jax.random.key(0), INPUT_SIZE))
    assert {jnp.finfo(leaf.dtype).bits for leaf in jax.tree.leaves(wide)} == {64}


@every_variant
def test_a_wrong_input_size_is_named(case):
    wrong = {TypeError: [3.0, "3", None, True], ValueError: [-1]}
    for error, sizes in wrong.items():
        for size in sizes:
            with pytest.raises(error, match=r"^input_size must be .*, got"):
                case.cell.init(jax.random.key(0), size)


@every_variant
def test_a_hyper_parameter_of_a_wrong_kind_is_named(case):
    zeros = getattr(case.oracle, "MAY_BE_ZERO", ())
    for field in dataclasses.fields(case.cell):
        for wrong in wrong_values(field, zeros):
            try:
                dataclasses.replace(case.cell, **{field.name: wrong})
            except (TypeError, ValueError) as error:
                assert str(error).startswith(f"{field.name} "), f"{field.name} = {wrong!r}: {error}"
            else:
                pytest.fail(f"{field.name} = {wrong!r} is taken")
    if {"use_bias", "forget_bias"} <= {field.name for field in dataclasses.fields(case.cell)}:
        with pytest.raises(ValueError, match="^forget_bias must be 0 where use_bias is False, got 1.0"):
            dataclasses.replace(case.cell, use_bias=False, forget_bias=1.0)


WRONG = {
    bool: [1, "yes", None],
    int: [0, -1, 2.5, "3", True],
    float: [float("nan"), float("inf"), "x"],
    str: ["no such word", 1],
    tuple: [1],
    Initializer: [lambda key, shape, dtype, gates: None, Zeros, 0.5],
    Cell: ["lstm", type(None)],
}
"""Values that no field of a kind may have."""


def wrong_values(field, zeros):
    """Returns what a field must refuse, by the kind that its annotation tells."""
    kinds = [kind for kind in (typing.get_args(field.type) or [field.type]) if kind in WRONG]
    if typing.get_origin(field.type) is tuple:
        kinds = [tuple]
    assert kinds, f"no wrong value is known for {field.name} of kind {field.type}"
    return [value for value in WRONG[kinds[0]] if not (field.name in zeros and type(value) is int and value == 0)]


@core_cells
def test_batch_axes_of_any_number_agree(x64, case):
    params, xs, carry = draw(case, 5, (2, 2))
    mask, resets = flags(0.7, (5, 2, 2), 1), flags(0.2, (5, 2, 2), 2)
    final, ys = unroll(case.cell, params, xs, carry, mask=mask, resets=resets)

    def flat(tree, axes):
        return jax.tree.map(lambda a: a.reshape(*a.shape[:axes], 4, *a.shape[axes + 2 :]), tree)

    flat_run = unroll(case.cell, params, flat(xs, 1), flat(carry, 0), mask=flat(mask, 1), resets=flat(resets, 1))
    close(flat_run, (flat(final, 0), flat(ys, 1)), rtol=1e-12, atol=1e-14)
    for b in np.ndindex(2, 2):
        t = (slice(None), *b)
        single = unroll(case.cell, params, at(xs, t), at(carry, b), mask=mask[t], resets=resets[t])
        close(single, (at(final, b), ys[t]), rtol=1e-12, atol=1e-14)


@core_cells
def test_one_step_is_project_step_and_output(case):
    cell = case.cell
    params, xs, carry = draw(case, 1, (2,))
    weights = cell.prepare(params, batch_shape=(2,))
    z = cell.project(weights, at(xs, 0))
    new = cell.step(weights, carry, z)
    close(unroll(cell, params, xs, carry), (new, cell.output(weights, new, z)[None]), rtol=1e-6, atol=1e-6)


@core_cells
def test_an_empty_batch_gives_empty_results_and_zero_gradients(case):
    params, xs, carry = draw(case, 4, (0,))

    def total(params):
        final, ys = unroll(case.cell, params, xs, carry, mask=flags(0.5, (4, 0), 0), resets=flags(0.5, (4, 0), 0))
        return ys.sum() + sum(leaf.real.sum() for leaf in float_leaves(final)), (final, ys)

    gradient, (final, ys) = jax.grad(total, has_aux=True)(params)
    assert [leaf.shape for leaf in jax.tree.leaves(final)] == [leaf.shape for leaf in jax.tree.leaves(carry)]
    assert ys.shape[:2] == (4, 0)
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient))


@core_cells
def test_as_few_units_as_can_be_work(x64, case):
    case = smallest(case)
    params, xs, carry = draw(case, 3, (1,))
    always = np.ones((3, 1), bool)
    final, ys = unroll(case.cell, params, xs, carry)
    expected_final, expected_ys = oracle_run(case, params, xs, carry, always, ~always)
    close(final, expected_final, rtol=1e-12, atol=1e-13)
    close(ys, np.array(expected_ys), rtol=1e-12, atol=1e-13)


@every_variant
def test_a_cell_prints_as_the_code_that_makes_it(case):
    cell = case.cell
    classes = {cls.__name__: cls for cls in UNITS}
    again = eval(repr(cell), vars(recurrax.initializers) | classes)
    assert again == cell and hash(again) == hash(cell) and again is not cell
    assert resized(cell, lambda size: 2 * size) != cell


@every_variant
def test_a_size_from_numpy_is_refused_or_prints_like_any_other(case):
    try:
        sized = resized(case.cell, lambda size: np.int64(2 * size))
    except TypeError:
        return
    assert repr(sized) == repr(resized(case.cell, lambda size: 2 * size))


@every_class
def test_equal_cells_are_static_to_jax_and_traced_once(case):
    traced = []

    @jax.jit
    def run(cell):
        traced.append(cell)
        return jnp.zeros(())

    assert jax.tree.leaves(case.cell) == []
    run(case.cell), run(dataclasses.replace(case.cell))
    assert traced == [case.cell]


@every_class
def test_parameters_carries_projections_and_gates_are_named_tuples_or_tuples_of_layers(case):
    params, xs, carry = draw(case, 1, (2,))
    weights = case.cell.prepare(params, batch_shape=(2,))
    z = case.cell.project(weights, at(xs, 0))
    gates = case.cell.gates(weights, carry, z)
    for tree in (params, carry, z, *(() if gates is None else (gates,))):
        assert isinstance(tree, tuple), type(tree)
        assert hasattr(type(tree), "_fields") or case.cell.layers, type(tree)


@every_class
def test_initial_carry_has_the_shape_of_the_batch(case):
    params, _, _ = draw(case, 1)
    one = case.cell.initial_carry(case.cell.prepare(params))
    batched = case.cell.initial_carry(case.cell.prepare(params, batch_shape=(2, 3)), (2, 3))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(np.broadcast_to(a, (2, 3, *a.shape)), b), one, batched)


@every_variant
def test_the_parameters_fix_the_input_size_or_say_that_they_do_not(case):
    shapes = jax.eval_shape(lambda: case.cell.init(jax.random.key(0), INPUT_SIZE))
    assert case.cell.input_size(shapes) in (INPUT_SIZE, None)
