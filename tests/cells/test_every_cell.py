"""What every cell must keep. Cells are found by file: a new `recurrax/cells/NAME.py` runs here as soon as it is there.

It needs a twin `tests/cells/test_NAME.py` with
  VARIANTS      instances to be tested, at least one of every class in the file,
  oracle_step   `(cell, params, carry, x) -> (carry, y)` in NumPy without batch axes, written from the paper,
  oracle_gates  `(cell, params, carry, x) -> dict`, for a cell that has gates.
"""

import dataclasses
import functools
import importlib
import importlib.util

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

import recurrax
from recurrax import GRU, LSTM, RNN, unroll
from recurrax.cells import cell_files, cells_in
from tests import oracles

INPUT_SIZE = 3


def twin(file):
    name = f"tests.cells.test_{file}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def variants(file):
    return list(getattr(twin(file), "VARIANTS", []))


def label(cell):
    """`repr` without the fields that have their default value."""
    changed = [
        f"{field.name}={getattr(cell, field.name)!r}"
        for field in dataclasses.fields(cell)
        if getattr(cell, field.name) != field.default
    ]
    return f"{type(cell).__name__}({', '.join(changed)})"


FILES = cell_files()
CASES = [pytest.param(twin(file), cell, id=label(cell)) for file in FILES for cell in variants(file)]
FIRST_OF_EACH_CLASS = {type(case.values[1]): case.values[1] for case in reversed(CASES)}.values()
ALWAYS = (*FIRST_OF_EACH_CLASS, *(case.values[1] for case in CASES if isinstance(case.values[1], (RNN, LSTM, GRU))))
"""What `make test` tries whatever does not compare with the oracle on; the other variants are left to `make test-all`."""
CELLS = [
    pytest.param(case.values[1], id=case.id, marks=[] if case.values[1] in ALWAYS else pytest.mark.slow)
    for case in CASES
]
every_case = pytest.mark.parametrize(("oracle", "cell"), CASES)
every_cell = pytest.mark.parametrize("cell", CELLS)


@functools.cache
def drawn(cell, seed=0):
    """The parameters that a cell draws, as float32 NumPy arrays."""
    with jax.enable_x64(False):
        return jax.device_get(initializer(cell)(jax.random.key(seed)))


@functools.cache
def initializer(cell):
    return jax.jit(lambda key: cell.init(key, INPUT_SIZE))


def draw(cell, length, batch=(), dtype=None):
    """Returns parameters, inputs and a carry in which nothing is zero by accident; default dtype: JAX's float."""
    rng = np.random.default_rng(0)
    dtype = dtype or jax.dtypes.canonicalize_dtype(float)

    def noisy(scale, tree):
        def noise(a):
            if np.iscomplexobj(a):
                noisy_a = np.asarray(a) + scale * (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape))
                return jnp.asarray(noisy_a, a.dtype)
            return jnp.asarray(np.asarray(a, np.float64) + scale * rng.normal(size=a.shape), dtype)

        return jax.tree.map(noise, tree)

    params = noisy(0.2, drawn(cell))
    carry = noisy(0.5, cell.initial_carry(cell.prepare(params), batch))
    return params, noisy(1.0, np.zeros((length, *batch, INPUT_SIZE))), carry


def flags(probability, shape, seed):
    return np.random.default_rng(seed).random(shape) < probability


def close(got, expected, **tolerance):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), got, expected)


def identical(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def at(tree, index):
    return jax.tree.map(lambda a: a[index], tree)


def one_step(cell, params, x, carry, **kwargs):
    weights = cell.prepare(params)
    return cell.step(weights, carry, cell.project(weights, x), **kwargs)


@pytest.mark.parametrize("file", FILES)
def test_every_cell_file_has_a_twin_that_tests_all_its_cells(file):
    path = f"tests/cells/test_{file}.py"
    assert twin(file), f"recurrax/cells/{file}.py has no twin: write {path} with VARIANTS and oracle_step."
    assert variants(file), f"{path} has no VARIANTS: list the instances of the cell to be tested."
    assert hasattr(twin(file), "oracle_step"), f"{path} has no oracle_step: write the paper's equations in NumPy."
    missing = {cls.__name__ for cls in cells_in(file)} - {type(cell).__name__ for cell in variants(file)}
    assert not missing, f"VARIANTS of {path} has no instance of {', '.join(sorted(missing))}."


@pytest.mark.parametrize("reverse", [False, True])
@every_case
def test_values_equal_the_oracle_with_masks_and_resets(x64, oracle, cell, reverse):
    length, size = 13, 3
    params, xs, carry = draw(cell, length, (size,))
    mask, resets = flags(0.7, (length, size), 1), flags(0.2, (length, size), 2)
    final, ys = jax.device_get(unroll(cell, params, xs, carry, mask=mask, resets=resets, reverse=reverse))

    def to_numpy(tree):
        return jax.tree.map(np.asarray, tree)

    weights = to_numpy(params)
    expected_final, expected_ys = oracles.unroll(
        lambda state, x: oracle.oracle_step(cell, weights, state, x),
        *(to_numpy(carry), np.asarray(xs), mask, resets),
        to_numpy(cell.initial_carry(cell.prepare(params), (size,))),
        reverse=reverse,
    )
    close(final, expected_final, rtol=1e-12, atol=1e-13)
    for t, b in np.ndindex(length, size):
        if mask[t, b]:
            close(ys[t, b], expected_ys[t][b], rtol=1e-12, atol=1e-13)
        else:
            assert not ys[t, b].any()


@every_cell
def test_gradients_are_right_in_both_modes(x64, cell):
    """To second order for the first variant of every class, which costs most of the time of this file."""
    params, xs, carry = draw(cell, 3, (2,))
    mask = np.array([[True, True], [False, True], [True, True]])
    resets = np.array([[False, False], [True, False], [False, True]])

    def run(params, xs, carry):
        return unroll(cell, params, xs, carry, mask=mask, resets=resets)

    order = 2 if cell in FIRST_OF_EACH_CLASS else 1
    for mode in ("fwd", "rev"):
        jax.test_util.check_grads(jax.jit(run), (params, xs, carry), order=order, modes=(mode,), atol=1e-5, rtol=1e-5)


@every_cell
def test_streaming_in_two_chunks_equals_one_pass_bit_for_bit(cell):
    length, size, cut = 12, 3, 6
    params, xs, carry = draw(cell, length, (size,))
    mask, resets = flags(0.7, (length, size), 1), flags(0.2, (length, size), 2)
    whole = unroll(cell, params, xs, carry, mask=mask, resets=resets)
    middle, head = unroll(cell, params, xs[:cut], carry, mask=mask[:cut], resets=resets[:cut])
    final, tail = unroll(cell, params, xs[cut:], middle, mask=mask[cut:], resets=resets[cut:])
    identical((final, jnp.concatenate([head, tail])), whole)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@every_cell
def test_the_dtype_of_the_parameters_is_kept_in_carry_and_outputs(x64, cell, dtype):
    params, xs, carry = draw(cell, 13, (3,), dtype=dtype)
    mask, resets = flags(0.7, (13, 3), 1), flags(0.2, (13, 3), 2)
    final, ys = unroll(cell, params, xs, carry, mask=mask, resets=resets)
    complex_dtype = jnp.dtype("complex128" if dtype == "float64" else "complex64")

    def expected(leaf):
        return complex_dtype if jnp.iscomplexobj(leaf) else jnp.dtype(dtype)

    for leaf in jax.tree.leaves((final, ys, cell.initial_carry(cell.prepare(params)))):
        assert leaf.dtype == expected(leaf)

    def wide(tree):
        return jax.tree.map(lambda a: jnp.asarray(np.asarray(a, complex if jnp.iscomplexobj(a) else float)), tree)

    exact = unroll(cell, wide(params), wide(xs), wide(carry), mask=mask, resets=resets)
    close(wide((final, ys)), exact, rtol=0, atol=30 * float(jnp.finfo(dtype).eps))


@every_cell
def test_parameters_are_drawn_in_the_default_dtype_and_by_the_key_alone(cell):
    first, other = drawn(cell, seed=0), drawn(cell, seed=1)
    identical(initializer(cell)(jax.random.key(0)), first)
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))
    assert {leaf.dtype for leaf in jax.tree.leaves(first)} == {jnp.dtype("float32")}
    with jax.enable_x64(True):
        wide = jax.eval_shape(lambda: cell.init(jax.random.key(0), INPUT_SIZE))
    assert {leaf.dtype for leaf in jax.tree.leaves(wide)} == {jnp.dtype("float64")}


@pytest.mark.parametrize(
    ("size", "error"), [(-1, ValueError), (3.0, TypeError), ("3", TypeError), (None, TypeError), (True, TypeError)]
)
@every_cell
def test_a_wrong_input_size_is_named(cell, size, error):
    with pytest.raises(error, match=r"^input_size must be .*, got"):
        cell.init(jax.random.key(0), size)


@every_cell
def test_batch_axes_of_any_number_agree(x64, cell):
    params, xs, carry = draw(cell, 5, (2, 2))
    mask, resets = flags(0.7, (5, 2, 2), 1), flags(0.2, (5, 2, 2), 2)
    final, ys = unroll(cell, params, xs, carry, mask=mask, resets=resets)

    def flat(a, axes):
        return a.reshape(*a.shape[:axes], 4, *a.shape[axes + 2 :])

    flat_run = unroll(
        cell,
        params,
        flat(xs, 1),
        jax.tree.map(lambda a: flat(a, 0), carry),
        mask=flat(mask, 1),
        resets=flat(resets, 1),
    )
    close(flat_run, (jax.tree.map(lambda a: flat(a, 0), final), flat(ys, 1)), rtol=1e-12, atol=1e-14)
    for b in np.ndindex(2, 2):
        t = (slice(None), *b)
        single = unroll(cell, params, xs[t], at(carry, b), mask=mask[t], resets=resets[t])
        close(single, (at(final, b), ys[t]), rtol=1e-12, atol=1e-14)


@every_cell
def test_no_step_leaves_the_carry_as_it_was(cell):
    params, xs, carry = draw(cell, 0, (2,))
    final, ys = unroll(cell, params, xs, carry)
    identical(final, carry)
    _, one = unroll(cell, params, jnp.zeros((1, 2, INPUT_SIZE)))
    assert ys.shape == (0, *one.shape[1:]) and ys.dtype == one.dtype


@every_cell
def test_one_step_is_project_step_and_output(cell):
    params, xs, carry = draw(cell, 1, (2,))
    weights = cell.prepare(params, batch_shape=(2,))
    z = cell.project(weights, xs[0])
    new = cell.step(weights, carry, z)
    close(unroll(cell, params, xs, carry), (new, cell.output(weights, new, z)[None]), rtol=1e-6, atol=1e-6)


@every_cell
def test_an_empty_batch_gives_empty_results_and_zero_gradients(cell):
    params, xs, carry = draw(cell, 4, (0,))

    def total(params):
        final, ys = unroll(cell, params, xs, carry, mask=flags(0.5, (4, 0), 0), resets=flags(0.5, (4, 0), 0))
        return ys.sum() + sum(leaf.real.sum() for leaf in jax.tree.leaves(final)), (final, ys)

    gradient, (final, ys) = jax.grad(total, has_aux=True)(params)
    assert {leaf.shape for leaf in jax.tree.leaves(final)} == {leaf.shape for leaf in jax.tree.leaves(carry)}
    assert ys.shape[:2] == (4, 0)
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient))


@every_case
def test_a_single_unit_works(x64, oracle, cell):
    single = dataclasses.replace(cell, hidden_size=1)
    params, xs, carry = draw(single, 3)
    state, weights = (jax.tree.map(np.asarray, tree) for tree in (carry, params))
    final, ys = unroll(single, params, xs, carry)
    for t in range(3):
        state, y = oracle.oracle_step(single, weights, state, np.asarray(xs[t]))
        close(ys[t], y, rtol=1e-12, atol=1e-13)
    close(final, state, rtol=1e-12, atol=1e-13)


@every_cell
def test_a_cell_prints_as_the_code_that_makes_it(cell):
    names = vars(recurrax.initializers) | {cls.__name__: cls for file in FILES for cls in cells_in(file)}
    again = eval(repr(cell), dict(names))
    assert again == cell and hash(again) == hash(cell) and again is not cell
    assert dataclasses.replace(cell, hidden_size=7) != cell


@every_cell
def test_a_size_from_numpy_is_refused_or_prints_like_any_other(cell):
    try:
        sized = dataclasses.replace(cell, hidden_size=np.int64(5))
    except TypeError:
        return
    assert repr(sized) == repr(dataclasses.replace(cell, hidden_size=5))


@every_cell
def test_equal_cells_are_static_to_jax_and_traced_once(cell):
    traced = []

    @jax.jit
    def run(cell, params, xs):
        traced.append(cell)
        return unroll(cell, params, xs)[1]

    params, xs, _ = draw(cell, 2)
    assert jax.tree.leaves(cell) == []
    run(cell, params, xs), run(dataclasses.replace(cell), params, xs)
    assert traced == [cell]


@every_cell
def test_parameters_carries_projections_and_gates_are_named_tuples(cell):
    params, xs, carry = draw(cell, 1, (2,))
    z = cell.project(cell.prepare(params), xs[0])
    gates = cell.gates(cell.prepare(params), carry, z)
    for tree in (params, carry, z, *(() if gates is None else (gates,))):
        assert isinstance(tree, tuple) and type(tree)._fields, type(tree)


@every_cell
def test_initial_carry_has_the_shape_of_the_batch(cell):
    params, _, _ = draw(cell, 1)
    weights = cell.prepare(params)
    alone, batched = cell.initial_carry(weights), cell.initial_carry(weights, (2, 3))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(np.broadcast_to(a, (2, 3, *a.shape)), b), alone, batched)


@every_cell
def test_the_parameters_fix_the_input_size_or_say_that_they_do_not(cell):
    assert cell.input_size(jax.eval_shape(lambda: cell.init(jax.random.key(0), 5))) in (5, None)


@every_case
def test_gates_equal_the_oracle_and_lie_in_their_range(x64, oracle, cell):
    params, xs, carry = draw(cell, 1, (2,))
    gates = cell.gates(cell.prepare(params), carry, cell.project(cell.prepare(params), xs[0]))
    if gates is None:
        assert not hasattr(oracle, "oracle_gates") and not cell.signed_gates
        return
    assert set(cell.signed_gates) <= set(gates._fields)
    for b in range(2):
        expected = oracle.oracle_gates(cell, *jax.device_get((params, at(carry, b), xs[0, b])))
        close({name: gate[b] for name, gate in gates._asdict().items()}, expected, rtol=1e-12, atol=1e-13)
    for name, gate in gates._asdict().items():
        assert (gate > (-1 if name in cell.signed_gates else 0)).all() and (gate < 1).all(), name


@every_cell
def test_the_step_uses_its_gates(cell, monkeypatch):
    params, xs, carry = draw(cell, 1, (2,))
    before = one_step(cell, params, xs[0], carry)
    gates = type(cell).gates
    if cell.gates(cell.prepare(params), carry, cell.project(cell.prepare(params), xs[0])) is None:
        return

    def halved(*args, **kwargs):
        return jax.tree.map(lambda gate: gate / 2, gates(*args, **kwargs))

    monkeypatch.setattr(type(cell), "gates", halved)
    after = one_step(cell, params, xs[0], carry)
    assert all((a != b).all() for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))


@every_cell
def test_retention_is_a_share_of_the_state_or_absent(cell):
    params, xs, carry = draw(cell, 1, (2,))
    gates = cell.gates(cell.prepare(params), carry, cell.project(cell.prepare(params), xs[0]))
    if gates is None:
        return
    kept = cell.retention(gates)
    if kept is not None:
        assert kept.shape == gates[0].shape
        assert (kept > 0).all() and (kept < 1).all()


@every_cell
def test_a_cell_that_says_so_is_diagonal_and_linear(x64, cell):
    params, xs, carry = draw(cell, 1, (2,))
    if not (cell.diagonal or cell.linear):
        return

    def step(carry):
        return one_step(cell, params, xs[0], carry)

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


@every_cell
def test_products_of_the_carry_with_a_weight_go_through_dot(cell):
    params, xs, carry = draw(cell, 1, (2,))
    weights = cell.prepare(params)
    z = cell.project(weights, xs[0])
    recorded = []

    def recording(operand, weight, op=jnp.dot):
        recorded.append(weight)
        return op(operand, weight)

    def silent(operand, weight, op=jnp.dot):
        return jnp.zeros(jax.eval_shape(op, operand, weight).shape, operand.dtype)

    def products(**kwargs):
        jaxpr = str(jax.make_jaxpr(lambda weights, carry: cell.step(weights, carry, z, **kwargs))(weights, carry))
        return jaxpr.count("dot_general") + jaxpr.count("conv_general")

    identical(cell.step(weights, carry, z, dot=recording), cell.step(weights, carry, z))
    assert len(recorded) == products()
    assert products(dot=silent) == 0
