"""A machine keeps the house rules: who imports whom, what `import recurrax` brings in, what is documented."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

from recurrax import catalogue, cells
from recurrax.cell import Cell

ROOT = pathlib.Path(__file__).parents[1]
MODULES = sorted((ROOT / "recurrax").rglob("*.py"))

LEVELS = (
    ("_util",),
    ("activations", "initializers"),
    ("cell",),
    ("parameters", "from_step"),
    ("cells", "engine"),
    ("unroll",),
    ("bidirectional",),
    ("wrappers", "_layer"),
    ("gradflow", "tasks", "linen", "nnx", "interop"),
    ("training", "catalogue"),
)
"""The parts of `recurrax`; a part may import those of the levels before its own, and itself."""
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}

FLAX_ADAPTERS = ("linen", "nnx", "interop")
CELLS = catalogue.units(cells, Cell).values()
CELL_MODULES = {cls.__module__ for cls in CELLS}
CELL_NAMES = {cls.__name__ for cls in CELLS}


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path):
    """Yields every imported name in full, e.g. "recurrax.cell.Cell" and "jax"."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively: write the package's full name."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(path):
    """Returns the part of `recurrax` that a file belongs to: "cells" for recurrax/cells/lstm.py."""
    return path.relative_to(ROOT / "recurrax").with_suffix("").parts[0]


def label(path):
    return str(path.relative_to(ROOT))


every_module = pytest.mark.parametrize("path", MODULES, ids=label)


def test_there_is_something_to_look_at():
    assert {"recurrax/cells/lstm.py", "recurrax/unroll.py"} <= {label(path) for path in MODULES}


@every_module
def test_imports_point_one_way(path):
    part = part_of(path)
    if part == "__init__":
        return
    assert part in LEVEL, f"{label(path)}: place {part!r} in LEVELS."
    for name in imports(path):
        if name.partition(".")[0] != "recurrax":
            continue
        imported = name.split(".")[1]
        assert imported in LEVEL, f"{label(path)} imports {name}: name the module that defines it."
        assert imported == part or LEVEL[imported] < LEVEL[part], f"{label(path)} must not import {name}."


@every_module
def test_the_library_imports_no_experiment_and_no_test(path):
    assert not {"experiments", "configs", "benchmarks", "tests"} & {name.partition(".")[0] for name in imports(path)}


@every_module
def test_the_library_reads_no_flags_and_needs_jax_alone(path):
    allowed = {"jax", "jaxtyping", "numpy", "scipy", "recurrax", *sys.stdlib_module_names}
    if part_of(path) in FLAX_ADAPTERS:
        allowed.add("flax")
    if part_of(path) == "tasks":
        allowed.add("sklearn")  # whose digits need no download; imported when they are asked for
    assert {name.partition(".")[0] for name in imports(path)} <= allowed


@every_module
def test_nothing_outside_its_own_file_knows_a_cell_by_name(path):
    if part_of(path) in ("cells", "__init__", "interop"):  # weights have a meaning only by cell
        return
    for name in imports(path):
        assert name not in CELL_MODULES and name.rpartition(".")[0] not in CELL_MODULES, (
            f"{label(path)} imports {name}."
        )
        assert name.rpartition(".")[2] not in CELL_NAMES, f"{label(path)} imports {name}."
    tree = tree_of(path)
    own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    foreign = {name.lower() for name in CELL_NAMES - own}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value.lower() not in foreign, (
                f"{label(path)}:{node.lineno} speaks of {node.value!r}: ask the contract instead."
            )


@every_module
def test_every_public_name_is_documented(path):
    tree = tree_of(path)
    nodes = [tree] if path.stem == "__init__" or not path.stem.startswith("_") else []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            nodes.append(node)
    missing = [getattr(node, "name", "the module") for node in nodes if not ast.get_docstring(node)]
    assert not missing, f"{label(path)}: no docstring for {', '.join(missing)}."


def test_import_recurrax_brings_in_jax_only():
    code = "import json, sys, recurrax; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert "jax" in loaded
    foreign = (
        "flax sklearn optax orbax matplotlib absl ml_collections rich jinja2 chex hypothesis pytest torch keras haiku"
    )
    assert not loaded & {*foreign.split(), "experiments", "configs", "tests"}


def test_every_exported_name_is_there_and_documented():
    import recurrax

    for name in recurrax.__all__:
        assert getattr(recurrax, name).__doc__, name


WRITTEN = [path for path in MODULES if path.stem == "__init__" and "make exports" not in path.read_text()]
"""Packages whose exports are written by hand; units that are found by file have common suites, which look for twins."""


@pytest.mark.parametrize("package", WRITTEN, ids=label)
def test_every_module_that_a_package_exports_from_has_a_twin_among_the_tests(package):
    """The test of recurrax/gradflow/lyapunov.py is tests/gradflow/test_lyapunov.py."""
    imported = set(imports(package))
    for path in MODULES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if any(name == module or name.rpartition(".")[0] == module for name in imported):
            relative = path.relative_to(ROOT / "recurrax")
            twin = ROOT / "tests" / relative.with_name(f"test_{relative.name}")
            assert twin.exists(), f"{label(path)} has no twin {label(twin)}."
