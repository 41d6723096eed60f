"""Recurrent cells, one file per cell or close family; a cell is known by its file, none is listed."""

import importlib
import pkgutil

from recurrax.cells.cell import Cell


def cell_files() -> tuple[str, ...]:
    """Returns the names of the files in `recurrax.cells` that define cells."""
    return tuple(m.name for m in pkgutil.iter_modules(__path__) if m.name != "cell")


def cells_in(file: str) -> tuple[type[Cell], ...]:
    """Returns the cell classes that `recurrax/cells/<file>.py` defines."""
    module = importlib.import_module(f"{__name__}.{file}")
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Cell) and value.__module__ == module.__name__
    )


def find_cell(name: str) -> type[Cell]:
    """Returns the cell class of that name, upper or lower case, e.g. "lstm"; or "module:Class" from elsewhere.

    Raises:
      ValueError: no cell has that name, or it is no cell.
    """
    if ":" in name:
        return _imported(name)
    known = {cls.__name__.lower(): cls for file in cell_files() for cls in cells_in(file)}
    try:
        return known[name.lower()]
    except KeyError:
        raise ValueError(
            f"unknown cell {name!r}; known are {', '.join(sorted(known))}, or module:Class for one of your own."
        ) from None


def _imported(name: str) -> type[Cell]:
    module, _, attribute = name.partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"cell {name!r} cannot be imported: {error}.") from None
    if not (isinstance(cls, type) and issubclass(cls, Cell)):
        raise ValueError(f"{name!r} is no subclass of recurrax.Cell.")
    return cls
