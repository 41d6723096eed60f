"""A machine keeps the house rules: who imports whom, what `import recurrax` brings in, what is documented."""

import ast
import functools
import json
import pathlib
import subprocess
import sys

from recurrax import catalogue, cells
from recurrax.cell import Cell

ROOT = pathlib.Path(__file__).parents[1]
LIBRARY = sorted((ROOT / "recurrax").rglob("*.py"))
STUDIES = sorted((ROOT / "experiments").rglob("*.py"))

LEVELS = (
    ("_util",),
    ("activations", "initializers", "padding"),
    ("cell",),
    ("parameters", "from_step"),
    ("cells", "engine"),
    ("unroll",),
    ("bidirectional",),
    ("wrappers", "tasks", "_layer"),
    ("gradflow", "linen", "nnx", "interop"),
    ("training", "catalogue"),
)
"""The parts of `recurrax`; a part may import those of the levels before its own, and itself."""

STUDY_LEVELS = (("common",), ("training",), ("gradient_flow", "remedies", "reproduce", "train"))
"""The parts of `experiments`, likewise."""

SHARED = {"experiments": ("recurrax._util",)}
"""Private packages of the library that others of this repository may use."""

ACROSS = {
    ("recurrax/wrappers/layer_norm.py", "recurrax.cells._base.normalization"),
    ("recurrax/training/regularizers.py", "recurrax.gradflow._numerics.without_cancellation"),
    ("experiments/gradient_flow/measuring/measure.py", "recurrax.gradflow._numerics.state_vectors"),
}
"""Who may import what is private to another package all the same."""

FLAX_ADAPTERS = ("linen", "nnx", "interop")
CELLS = catalogue.units(cells, Cell).values()
CELL_MODULES = {cls.__module__ for cls in CELLS}
CELL_NAMES = {cls.__name__ for cls in CELLS}


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@functools.cache
def imports(path):
    """Returns every imported name in full, e.g. "recurrax.cell.Cell" and "jax"."""
    names = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # A relative import shows as ".": no package of that name is allowed anywhere.
            names += [f"{node.module if node.level == 0 else '.'}.{alias.name}" for alias in node.names]
    return names


def part_of(path):
    """Returns the part of the library or the studies that a file belongs to: "cells" for recurrax/cells/lstm.py."""
    return path.relative_to(ROOT).with_suffix("").parts[1]


def label(path):
    return str(path.relative_to(ROOT))


def level_of(levels):
    return {part: level for level, parts in enumerate(levels) for part in parts}


def wrong_way(paths, top, levels):
    """Yields who imports, within `top`, a part that does not lie below its own."""
    level = level_of(levels)
    for path in paths:
        part = part_of(path)
        if part == "__init__":
            continue
        if part not in level:
            yield f"{label(path)}: place {part!r} in the levels"
            continue
        for name in imports(path):
            if name.partition(".")[0] != top:
                continue
            imported = name.split(".")[1]
            if imported not in level:
                yield f"{label(path)} imports {name}: name the module that defines it"
            elif imported != part and level[imported] >= level[part]:
                yield f"{label(path)} must not import {name}"


def test_there_is_something_to_look_at():
    assert {"recurrax/cells/lstm.py", "recurrax/unroll.py"} <= {label(path) for path in LIBRARY}
    assert {"experiments/train/study.py", "experiments/common/cli.py"} <= {label(path) for path in STUDIES}


def test_imports_within_the_library_point_one_way():
    assert not list(wrong_way(LIBRARY, "recurrax", LEVELS))


def test_imports_between_studies_point_one_way():
    assert not list(wrong_way(STUDIES, "experiments", STUDY_LEVELS))


def test_what_is_private_to_a_package_is_imported_there_alone():
    """A part of a path that begins with an underscore belongs to the package around it: cells/_base/ to cells/."""

    def foreign(path):
        here = path.relative_to(ROOT).parts[:-1]
        for name in imports(path):
            parts = name.split(".")
            private = [n for n, part in enumerate(parts[:-1]) if part.startswith("_")]
            shared = any(name.startswith(f"{module}.") for module in SHARED.get(label(path).split("/")[0], ()))
            if parts[0] in ("recurrax", "experiments") and private and not shared:
                owner = tuple(parts[: private[0]])
                if here[: len(owner)] != owner and (label(path), ".".join(parts[:-1])) not in ACROSS:
                    yield f"{label(path)} imports {name}"

    assert not [line for path in LIBRARY + STUDIES for line in foreign(path)]


def test_the_library_needs_jax_and_what_belongs_to_python():
    """No experiment, no test, no flags; Flax in the adapters alone."""

    def foreign(path):
        allowed = {"jax", "jaxtyping", "numpy", "scipy", "recurrax", *sys.stdlib_module_names}
        if part_of(path) in FLAX_ADAPTERS:
            allowed.add("flax")
        if part_of(path) == "tasks":
            allowed.add("sklearn")  # whose digits need no download; imported when they are asked for
        return {name.partition(".")[0] for name in imports(path)} - allowed

    assert not {label(path): names for path in LIBRARY if (names := foreign(path))}


def test_nothing_outside_its_own_file_knows_a_cell_by_name():
    def known(path):
        # A layer may go by a cell's name.
        of_own_part = {name for name in imports(path) if name.startswith(f"recurrax.{part_of(path)}.")}
        for name in imports(path):
            module, _, last = name.rpartition(".")
            if name in CELL_MODULES or module in CELL_MODULES or (last in CELL_NAMES and name not in of_own_part):
                yield f"{label(path)} imports {name}"
        tree = tree_of(path)
        own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        own |= {name.rpartition(".")[2] for name in of_own_part}
        foreign = {name.lower() for name in CELL_NAMES - own}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in foreign:
                yield f"{label(path)}:{node.lineno} speaks of {node.value!r}: ask the contract instead"

    # In interop, weights have a meaning only by cell.
    assert not [
        line for path in LIBRARY if part_of(path) not in ("cells", "__init__", "interop") for line in known(path)
    ]


def test_every_public_name_is_documented():
    def missing(path):
        tree = tree_of(path)
        nodes = [tree] if path.stem == "__init__" or not path.stem.startswith("_") else []
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith(
                "_"
            ):
                nodes.append(node)
        return [getattr(node, "name", "the module") for node in nodes if not ast.get_docstring(node)]

    assert not {label(path): names for path in LIBRARY if (names := missing(path))}


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
