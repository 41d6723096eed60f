"""Every task with its twin test, found by file.

`recurrax/tasks/NAME.py` has the twin `tests/tasks/test_NAME.py`, which has
  VARIANTS      tasks to be tested, at least one of every class in the file,
  check         `(task, batch) -> None`, raises unless a batch of NumPy arrays is what the definition says.
"""

import importlib
from types import ModuleType
from typing import NamedTuple

import pytest

from recurrax import catalogue, tasks
from recurrax.tasks.task import Task

UNITS = tuple(catalogue.units(tasks, Task).values())
MODULES = tuple(dict.fromkeys(cls.__module__ for cls in UNITS))


class Case(NamedTuple):
    """A task to be tested, and its twin."""

    task: Task
    twin: ModuleType


def twin(module: str) -> ModuleType:
    return importlib.import_module(f"tests.tasks.test_{module.rpartition('.')[2]}")


CASES = [Case(task, twin(module)) for module in MODULES for task in twin(module).VARIANTS]
FIRST = {type(case.task): case for case in reversed(CASES)}
every_variant = pytest.mark.parametrize("case", [pytest.param(c, id=str(c.task)) for c in CASES])
"""Tries all variants in `make test`."""
every_task = pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=str(c.task), marks=[pytest.mark.slow] * (c != FIRST[type(c.task)])) for c in CASES],
)
"""Tries the first variant of every class in `make test`, all of them in `make test-all`."""
