"""Every cell and wrapper, found by its file, and the texts that name one: "lstm", "zoneout(lstm(forget_bias=2.0))"."""

import dataclasses
import importlib
import inspect
import pkgutil
from typing import Any

from recurrax import cells, wrappers
from recurrax._util import naming
from recurrax.cell import Cell
from recurrax.wrappers.wrapper import Wrapper

_PACKAGES = (cells, wrappers)


def modules() -> tuple[str, ...]:
    """Returns the names of the modules that define cells and wrappers, e.g. "recurrax.cells.lstm"."""
    names = (f"{package.__name__}.{m.name}" for package in _PACKAGES for m in pkgutil.iter_modules(package.__path__))
    return tuple(name for name in names if classes_in(name))


def classes_in(module: str) -> tuple[type[Cell], ...]:
    """Returns the cell classes that a module defines; bases are left out."""
    return tuple(
        value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type)
        and issubclass(value, Cell)
        and value.__module__ == module
        and not inspect.isabstract(value)
        and not value.__name__.startswith("_")
        and value is not Wrapper
    )


def all_cells() -> tuple[str, ...]:
    """Returns the names of the cells that take vectors and have a `hidden_size`, by alphabet; wrappers are left out."""
    found = [cls for module in modules() if module.startswith(cells.__name__) for cls in classes_in(module)]
    return tuple(sorted(cls.__name__.lower() for cls in found if _takes_vectors(cls)))


def _takes_vectors(cls: type[Cell]) -> bool:
    if "hidden_size" not in [field.name for field in dataclasses.fields(cls)]:  # pyright: ignore[reportArgumentType]
        return False
    cell = make_cell(cls.__name__, hidden_size=32)
    return cell.input_ndim == 1 and getattr(cell.zero_input(1), "shape", None) == (1,)


def find_cell(name: str) -> type[Cell]:
    """Returns the cell or wrapper of that name, upper or lower case, e.g. "lstm"; or "module:Class" from elsewhere.

    Raises:
      ValueError: no cell has that name, or it is no cell.
    """
    if ":" in name:
        return _imported(name)
    known = {cls.__name__.lower(): cls for module in modules() for cls in classes_in(module)}
    try:
        return known[name.lower()]
    except KeyError:
        raise ValueError(
            f"unknown cell {name!r}; known are {', '.join(sorted(known))}, or module:Class for one of your own."
        ) from None


def make_cell(text: str, **defaults: Any) -> Cell:
    """Makes the cell that a text describes: a name, in brackets what it wraps and other hyper-parameters.

    >>> make_cell("residual(gru(reset='after'))", hidden_size=8)
    Residual(cell=GRU(hidden_size=8, use_bias=True, input_init=Gaussian(gain=1.0), bias_init=Zeros(), \
recurrent_init=OrthogonalPerGate(gain=1.0), forget_bias=0.0, reset='after'))

    Args:
      text: a name as `find_cell` takes it, or a call in Python's syntax whose arguments are cells and literals.
      **defaults: hyper-parameters of every cell that has them and is not given them by the text.

    Raises:
      TypeError, ValueError: the text describes no cell; a hyper-parameter is unknown or has a wrong value.
    """
    if ":" in text:
        return naming.made(find_cell(text), [], {}, defaults)
    cell = naming.make(
        text, find_cell, kind="cell", example="zoneout(lstm(forget_bias=2.0), rate_c=0.1)", defaults=defaults
    )
    if not isinstance(cell, Cell):
        raise ValueError(f"cell {text!r} names no cell.")
    return cell


def _imported(name: str) -> type[Cell]:
    module, _, attribute = name.partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"cell {name!r} cannot be imported: {error}.") from None
    if not (isinstance(cls, type) and issubclass(cls, Cell)):
        raise ValueError(f"{name!r} is no subclass of recurrax.Cell.")
    return cls
