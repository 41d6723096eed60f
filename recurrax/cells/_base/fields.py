"""The check of hyper-parameters by the kind that their annotations tell."""

import dataclasses
from typing import Any

from recurrax._util import checks
from recurrax.initializers import Initializer, check_initializers


def _initializer(name: str, value: Any) -> None:
    check_initializers(**{name: value})


_CHECKS = {bool: checks.boolean, int: checks.positive_int, float: checks.finite, Initializer: _initializer}


def check_fields(cell: Any) -> None:
    """Raises unless the hyper-parameters of a cell are of their kinds; words, ranges and the rest are the cell's own.

    A `bool` is True or False, an `int` at least 1, a `float` a finite number, an `Initializer` an instance of one; with
    `| None`, None will do.
    """
    for field in dataclasses.fields(cell):
        value = getattr(cell, field.name)
        for kind, check in _CHECKS.items():
            if field.type == kind or (field.type == kind | None and value is not None):
                check(field.name, value)
