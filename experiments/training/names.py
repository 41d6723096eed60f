"""What the texts of a config may name."""

from collections.abc import Mapping

from experiments.training.remedies import all_remedies
from recurrax import cells, tasks, wrappers
from recurrax.catalogue import units
from recurrax.cell import Cell
from recurrax.tasks.task import Task


def names(*kinds: str) -> dict[str, Mapping[str, type]]:
    """Returns the classes of these kinds by the names that configs write: cells, wrappers, tasks and remedies.

    Args:
      *kinds: which of these; all where none is given.
    """
    found = {
        "cells": lambda: units(cells, Cell),
        "wrappers": lambda: units(wrappers, Cell),
        "tasks": lambda: units(tasks, Task),
        "remedies": all_remedies,
    }
    return {kind: found[kind]() for kind in kinds or found}
