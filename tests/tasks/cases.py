"""Every task with its twin test, found by file.

`recurrax/tasks/NAME.py` has the twin `tests/tasks/test_NAME.py`, which has
  VARIANTS      tasks to be tested, at least one of every class in the file,
  check         `(task, batch) -> None`, raises unless a batch of NumPy arrays is what the definition says,
and where the default does not fit
  guess         `(task, batch) -> outputs`, the best answers that do not look at the inputs; default: always the mean, or
                the shares of the classes,
  guess_for_error   likewise, where what has the least error has not the least loss.
"""

import importlib
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from recurrax import catalogue, tasks
from recurrax.tasks.task import Regression, Task

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


def guess(case: Case, batch):
    """Returns the best blind answers, `[T, B, O]`."""
    if hasattr(case.twin, "guess"):
        return case.twin.guess(case.task, batch)
    if isinstance(case.task, Regression):
        mean = np.average(
            batch.targets, axis=(0, 1), weights=np.broadcast_to(batch.weights[..., None], batch.targets.shape)
        )
        return np.broadcast_to(mean, batch.targets.shape)
    shares = np.bincount(batch.targets.ravel(), batch.weights.ravel(), case.task.output_size)
    scores = np.log(np.maximum(shares / shares.sum(), 1e-30))
    return np.broadcast_to(scores, (*batch.targets.shape, len(scores)))
