"""Every cell and wrapper with its twin test, found by file, and what tests draw for it.

`recurrax/cells/NAME.py` has the twin `tests/cells/test_NAME.py`, `recurrax/wrappers/NAME.py` the twin
`tests/wrappers/test_NAME.py`. A twin has
  VARIANTS      instances to be tested, at least one of every class in the file, the default one first,
  oracle_step   `(cell, params, carry, x) -> (carry, y)` in NumPy without batch axes, written from the paper,
  oracle_gates  `(cell, params, carry, x) -> dict`, for a cell that has gates,
and where the default does not fit
  inputs        `(cell, rng, length, batch) -> xs`, NumPy arrays; default: normal `[length, *batch, INPUT_SIZE]`,
  smallest      `(cell) -> cell` with as few units as can be; default: with `hidden_size` 1,
  reachable     `(carry) -> carry`, turns any numbers into a state that a run may come to; default: as they are,
  memory        `(old, new) -> (array, array)`, what `retention` speaks of, of two states; default: their c, or h, or y,
  MAY_BE_ZERO   names of sizes that 0 is right for; default: none.
"""

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN, catalogue, cells, wrappers
from recurrax.cell import Cell
from tests import oracles

INPUT_SIZE = 3
UNITS = tuple(catalogue.units((cells, wrappers), Cell).values())
MODULES = tuple(dict.fromkeys(cls.__module__ for cls in UNITS))


def twin_path(module: str) -> str:
    _, package, name = module.split(".")
    return f"tests/{package}/test_{name}.py"


@functools.cache
def twin(module: str) -> ModuleType | None:
    name = twin_path(module).removesuffix(".py").replace("/", ".")
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def variants(module: str) -> list[Cell]:
    return list(getattr(twin(module), "VARIANTS", []))


class Case(NamedTuple):
    """A cell to be tested, and the module that has its oracle."""

    cell: Cell
    oracle: ModuleType


def label(cell: Cell) -> str:
    """`repr` without the fields that have their default value."""

    def show(value):
        if isinstance(value, Cell):
            return label(value)
        return f"({', '.join(map(show, value))})" if isinstance(value, tuple) else repr(value)

    changed = [
        f"{field.name}={show(value)}"
        for field in dataclasses.fields(cell)
        if (value := getattr(cell, field.name)) != field.default
    ]
    return f"{type(cell).__name__}({', '.join(changed)})"


CASES = [Case(cell, twin(module)) for module in MODULES for cell in variants(module)]
FIRST = list({type(case.cell): case for case in reversed(CASES)}.values())[::-1]
"""The first variant of every class."""
CORE = [case for case in CASES if type(case.cell) in (RNN, LSTM, GRU)]


@contextlib.contextmanager
def named(case: Case):
    """Says of which case an error speaks."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"of {label(case.cell)}")
        raise


def over(quick: Callable[[Case], bool]) -> Callable:
    """Makes a test of a case one of all cases of a class: `make test` tries the quick ones, `make test-all` all."""
    groups = []
    for cls in {type(case.cell): None for case in CASES}:
        cases = [case for case in CASES if type(case.cell) is cls]
        for kind, marks in ((True, []), (False, pytest.mark.slow)):
            group = [case for case in cases if quick(case) is kind]
            if group:
                groups.append(pytest.param(group, id=cls.__name__ if kind else f"{cls.__name__}-more", marks=marks))

    def decorate(check):
        @functools.wraps(check)
        def check_all(*, group, **fixtures):
            for case in group:
                with named(case):
                    check(case=case, **fixtures)

        signature = inspect.signature(check)
        parameters = [p.replace(name="group") if n == "case" else p for n, p in signature.parameters.items()]
        check_all.__signature__ = signature.replace(parameters=parameters)
        return pytest.mark.parametrize("group", groups)(check_all)

    return decorate


every_variant = over(lambda case: True)
"""Tries all variants in `make test`."""
every_class = over(lambda case: case in FIRST or case in CORE)
"""Tries the first variant of every class, and RNN, LSTM and GRU in all, in `make test`."""
core_cells = over(lambda case: case in CORE)
"""Tries RNN, LSTM and GRU in `make test`."""


def of_classes(*names: str):
    """Tries RNN, LSTM and GRU, and the first variant of each class named, in `make test`; `make test-all` tries all."""
    return over(lambda case: case in CORE or (case in FIRST and type(case.cell).__name__ in names))


def resized(cell: Cell, size) -> Cell:
    """Returns the cell with `hidden_size` changed by `size`; a wrapper with the cells in it changed."""
    names = {field.name for field in dataclasses.fields(cell)}
    if "hidden_size" in names:
        return dataclasses.replace(cell, hidden_size=size(cell.hidden_size))
    if "cell" in names:
        return dataclasses.replace(cell, cell=resized(cell.cell, size))
    return dataclasses.replace(cell, layers=tuple(resized(layer, size) for layer in cell.layers))


def smallest(case: Case) -> Case:
    """Returns the case with as few units as can be."""
    shrink = getattr(case.oracle, "smallest", lambda cell: resized(cell, lambda _: 1))
    return case._replace(cell=shrink(case.cell))


def core(cell: Cell) -> Cell:
    """Returns the innermost cell of wrappers."""
    while "cell" in {field.name for field in dataclasses.fields(cell)}:
        cell = cell.cell
    return cell


@functools.cache
def drawn(cell: Cell, seed: int = 0):
    """The parameters that a cell draws, as float32 NumPy arrays."""
    with jax.enable_x64(False):  # op by op: cells share programs, and one for each took most of the time
        return jax.device_get(cell.init(jax.random.key(seed), INPUT_SIZE))


def noisy(rng, scale, tree, dtype):
    """Adds normal noise to what is real or complex; integers stay."""

    def noise(a):
        a = np.asarray(a)
        if np.iscomplexobj(a):
            wide = jnp.dtype(dtype) == jnp.float64
            noisy_a = a + scale * (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape))
            return jnp.asarray(noisy_a, jnp.complex128 if wide else jnp.complex64)
        if a.dtype.kind not in "biu":
            return jnp.asarray(a.astype(np.float64) + scale * rng.normal(size=a.shape), dtype)
        return jnp.asarray(a)

    return jax.tree.map(noise, tree)


def draw(case: Case, length: int, batch: tuple[int, ...] = (), dtype=None):
    """Returns parameters, inputs and a carry in which nothing is zero by accident; default dtype: JAX's float."""
    rng = np.random.default_rng(0)
    dtype = dtype or jax.dtypes.canonicalize_dtype(float)
    cell, oracle = case
    params = noisy(rng, 0.2, drawn(cell), dtype)
    carry = noisy(rng, 0.5, cell.initial_carry(cell.prepare(params, batch_shape=batch), batch), dtype)
    default = lambda cell, rng, length, batch: rng.normal(size=(length, *batch, INPUT_SIZE))
    carry = getattr(oracle, "reachable", lambda carry: carry)(carry)
    xs = getattr(oracle, "inputs", default)(cell, rng, length, batch)
    return params, noisy(rng, 0.0, xs, dtype), carry


def flags(probability, shape, seed):
    return np.random.default_rng(seed).random(shape) < probability


def at(tree, index):
    return jax.tree.map(lambda a: a[index], tree)


def to_numpy(tree):
    return jax.tree.map(np.asarray, tree)


def close(got, expected, **tolerance):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), got, expected)


def identical(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, got, expected)


def oracle_run(case, params, xs, carry, mask, resets, reverse=False):
    """Returns what a run gives by the oracle, of NumPy arrays with one batch axis."""
    initial = to_numpy(case.cell.initial_carry(case.cell.prepare(params, batch_shape=mask.shape[1:]), mask.shape[1:]))
    return oracles.unroll(
        lambda state, x: case.oracle.oracle_step(case.cell, to_numpy(params), state, x),
        *(to_numpy(carry), to_numpy(xs), mask, resets, initial),
        reverse=reverse,
    )


def memory(old, new):
    """Returns what a step keeps a share of, of two states or of those of the cell inside."""
    while not {"c", "h", "y"} & set(old._fields):
        old, new = old.inner, new.inner
    name = next(name for name in "chy" if name in old._fields)
    return getattr(old, name), getattr(new, name)
