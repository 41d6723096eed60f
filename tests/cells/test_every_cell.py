"""What every cell and wrapper must keep; a new file runs here as soon as it is there (`tests/cells/cases.py`).

What costs most of the time, and further variants, are left to `make test-all`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

import recurrax
from recurrax import catalogue, unroll
from recurrax._util.float_leaves import float_leaves
from recurrax.cell import is_diagonal
from recurrax.engine.jaxprs import Static
from recurrax.engine.make_run import make_run
from recurrax.engine.missed_dot import products_without_dot
from tests.cells import cases
from tests.cells.cases import (
    INPUT_SIZE,
    MODULES,
    at,
    close,
    core_cells,
    draw,
    drawn,
    every_class,
    every_variant,
    flags,
    identical,
    initializer,
    oracle_run,
    resized,
    smallest,
    to_numpy,
    twin,
    twin_path,
    variants,
)


def one_step(cell, params, x, carry, **kwargs):
    weights = cell.prepare(params, batch_shape=(2,))
    return cell.step(weights, carry, cell.project(weights, x), **kwargs)


def gates_of(case, params, x, carry, batch=(2,)):
    weights = case.cell.prepare(params, batch_shape=batch)
    return case.cell.gates(weights, carry, case.cell.project(weights, x))


@pytest.mark.parametrize("module", MODULES)
def test_every_file_has_a_twin_that_tests_all_its_cells(module):
    path = twin_path(module)
    assert twin(module), f"{module} has no twin: write {path} with VARIANTS and oracle_step."
    assert variants(module), f"{path} has no VARIANTS: list the instances of the cell to be tested."
    assert hasattr(twin(module), "oracle_step"), f"{path} has no oracle_step: write the paper's equations in NumPy."
    tried = {type(cell).__name__ for cell in variants(module)}
    missing = {cls.__name__ for cls in catalogue.classes_in(module)} - tried
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
    identical(initializer(case.cell)(jax.random.key(0)), first)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))
    assert {jnp.finfo(leaf.dtype).bits for leaf in jax.tree.leaves(first)} == {32}
    with jax.enable_x64(True):
        wide = jax.eval_shape(lambda: case.cell.init(jax.random.key(0), INPUT_SIZE))
    assert {jnp.finfo(leaf.dtype).bits for leaf in jax.tree.leaves(wide)} == {64}


@pytest.mark.parametrize(
    ("size", "error"), [(-1, ValueError), (3.0, TypeError), ("3", TypeError), (None, TypeError), (True, TypeError)]
)
@every_class
def test_a_wrong_input_size_is_named(case, size, error):
    with pytest.raises(error, match=r"^input_size must be .*, got"):
        case.cell.init(jax.random.key(0), size)


@pytest.mark.parametrize("part", ["two", pytest.param("all", marks=pytest.mark.slow)])
@core_cells
def test_batch_axes_of_any_number_agree(x64, case, part):
    params, xs, carry = draw(case, 5, (2, 2))
    mask, resets = flags(0.7, (5, 2, 2), 1), flags(0.2, (5, 2, 2), 2)
    final, ys = unroll(case.cell, params, xs, carry, mask=mask, resets=resets)

    def flat(tree, axes):
        return jax.tree.map(lambda a: a.reshape(*a.shape[:axes], 4, *a.shape[axes + 2 :]), tree)

    flat_run = unroll(case.cell, params, flat(xs, 1), flat(carry, 0), mask=flat(mask, 1), resets=flat(resets, 1))
    close(flat_run, (flat(final, 0), flat(ys, 1)), rtol=1e-12, atol=1e-14)
    for b in np.ndindex(2, 2) if part == "all" else [(1, 0)]:
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
    classes = {cls.__name__: cls for module in MODULES for cls in catalogue.classes_in(module)}
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
    gates = gates_of(case, params, at(xs, 0), carry)
    z = case.cell.project(case.cell.prepare(params, batch_shape=(2,)), at(xs, 0))
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


@every_variant
def test_gates_equal_the_oracle_and_lie_in_their_range(x64, case):
    cell, oracle = case
    params, xs, carry = draw(case, 1, (2,))
    gates = gates_of(case, params, at(xs, 0), carry)
    if gates is None:
        assert not cell.signed_gates
        return
    assert set(cell.signed_gates) <= set(gates._fields)
    for b in range(2):
        expected = oracle.oracle_gates(cell, *to_numpy((params, at(carry, b), at(xs, (0, b)))))
        close({name: gate[b] for name, gate in gates._asdict().items()}, expected, rtol=1e-12, atol=1e-13)
    for name, gate in gates._asdict().items():
        assert (gate > (-1 if name in cell.signed_gates else 0)).all() and (gate < 1).all(), name


@every_class
def test_the_step_uses_its_gates(case, monkeypatch):
    params, xs, carry = draw(case, 1, (2,))
    if gates_of(case, params, at(xs, 0), carry) is None:
        return
    before = one_step(case.cell, params, at(xs, 0), carry)
    owner = type(cases.core(case.cell))
    gates = owner.gates

    def halved(*args, **kwargs):
        return jax.tree.map(lambda gate: gate / 2, gates(*args, **kwargs))

    monkeypatch.setattr(owner, "gates", halved)
    after = one_step(case.cell, params, at(xs, 0), carry)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))


@every_variant
def test_retention_is_a_share_of_the_state_or_absent(case):
    params, xs, carry = draw(case, 1, (2,))
    gates = gates_of(case, params, at(xs, 0), carry)
    if gates is None:
        return
    kept = case.cell.retention(gates)
    if kept is not None:
        assert (kept.shape[0], kept.shape[-1]) == (gates[0].shape[0], gates[0].shape[-1])
        assert (kept > 0).all() and (kept < 1).all()


@every_class
def test_a_cell_that_says_so_is_diagonal_and_linear(x64, case):
    cell = case.cell
    params, xs, carry = draw(case, 1, (2,))
    if not is_diagonal(cell):
        return

    def step(carry):
        return one_step(cell, params, at(xs, 0), carry)

    _, along_ones = jax.jvp(step, (carry,), (jax.tree.map(jnp.ones_like, carry),))
    leaves, treedef = jax.tree.flatten(carry)
    for n, leaf in enumerate(leaves):
        for unit in range(leaf.shape[-1]):
            direction = [
                jnp.zeros_like(a) if m != n else a.at[..., unit].set(1)
                for m, a in enumerate(map(jnp.zeros_like, leaves))
            ]
            _, change = jax.jvp(step, (carry,), (treedef.unflatten(direction),))
            own = jax.tree.leaves(change)[n][..., unit]
            close(own, jax.tree.leaves(along_ones)[n][..., unit], rtol=1e-12, atol=1e-15)
            others = [a if m != n else a.at[..., unit].set(0) for m, a in enumerate(jax.tree.leaves(change))]
            assert not any(a.any() for a in others), "a unit depends on another one"
    if cell.linear:
        other = jax.tree.map(lambda a: 3 * a + 1, carry)
        _, there = jax.jvp(step, (other,), (jax.tree.map(jnp.ones_like, carry),))
        close(there, along_ones, rtol=1e-12, atol=1e-15)
        straight = jax.tree.map(lambda s, a, c, o: s + a * (o - c), step(carry), along_ones, carry, other)
        close(step(other), straight, rtol=1e-12, atol=1e-12)


@every_class
def test_products_of_the_carry_with_a_weight_go_through_dot(case):
    if case.cell.layers:
        return  # its layers run one by one, each with its own products

    def missed(*arguments):
        return Static(products_without_dot(make_run(case.cell, *arguments)))

    assert jax.eval_shape(missed, *draw(case, 1, (2,))).value == []
