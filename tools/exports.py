"""Writes what the packages of units export, into their `__init__` files; a file is imported when its name is asked for.

    make exports
    python -m tools.exports

A package's own docstring stays. A unit is exported by its class; its parameters, carry and gates are in its file.
"""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

from recurrax import catalogue, cells, interop, tasks, training, wrappers
from recurrax.cell import Cell
from recurrax.tasks.task import Task

Files = dict[str, list[str]]
"""The names that are exported, by the file that has them."""


@dataclasses.dataclass(frozen=True)
class Exports:
    """What a package exports.

    Attributes:
      base: the class of the package's units, all of which are exported; None for all public functions.
      also: more names, by file: what a unit of one's own is written with, and inputs of a kind of their own.
    """

    base: type | None
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()


PACKAGES = {
    cells: Exports(Cell, also=(("_base.timed", ("Timed",)),)),
    wrappers: Exports(Cell, also=(("_base", ("Wrapper",)),)),
    tasks: Exports(Task, also=(("task", ("Batch", "Chance", "Classification", "Regression", "Solved", "Task")),)),
    training: Exports(None),
    interop: Exports(None),
}


def exported(package: ModuleType) -> Files:
    """Returns what a package exports, by file."""
    wanted = PACKAGES[package]
    found: Files = {file: list(names) for file, names in wanted.also}
    if wanted.base is not None:
        for cls in catalogue.units(package, wanted.base).values():
            found.setdefault(cls.__module__.removeprefix(package.__name__ + "."), []).append(cls.__name__)
    else:
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                found[module.name] = _functions(importlib.import_module(f"{package.__name__}.{module.name}"))
    return {file: _by_kind(names) for file, names in sorted(found.items()) if names}


def source(package: ModuleType) -> str:
    """Returns what a package's `__init__` file has to say."""
    files = exported(package)
    homes = {name: file for file, names in files.items() for name in names}
    return "\n".join(
        [
            _docstring(Path(str(package.__file__))),
            "",
            "# Made by `make exports`.",
            "from typing import TYPE_CHECKING",
            "",
            "from recurrax._util.lazy import exports",
            "",
            "if TYPE_CHECKING:",
            *(_import(f"{package.__name__}.{file}", names) for file, names in files.items()),
            "else:",
            "    __getattr__, __dir__ = exports(",
            "        __name__,",
            "        {",
            *(f'            "{name}": "{homes[name]}",' for name in _by_kind(list(homes))),
            "        },",
            "    )",
            "",
            "__all__ = [",
            *(f'    "{name}",' for name in _by_kind(list(homes))),
            "]",
            "",
        ]
    )


def main() -> None:
    """Writes the `__init__` file of every package in `PACKAGES`."""
    for package in PACKAGES:
        path = Path(str(package.__file__))
        path.write_text(source(package), encoding="utf-8")
        print(f"{package.__name__}: {sum(map(len, exported(package).values()))} names")


def _functions(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _by_kind(names: list[str]) -> list[str]:
    """Sorts as the linter wants it: capitals, classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), name.islower(), name))


def _import(module: str, names: list[str]) -> str:
    line = f"    from {module} import {', '.join(names)}"
    if len(line) <= 120:
        return line
    return "\n".join([f"    from {module} import (", *(f"        {name}," for name in names), "    )"])


def _docstring(path: Path) -> str:
    """Returns the lines of a file's docstring."""
    text = path.read_text(encoding="utf-8")
    node = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[: node.end_lineno])


if __name__ == "__main__":
    main()
