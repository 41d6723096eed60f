"""One look-up for all names: units found by their files, and texts that name one, "zoneout(lstm(forget_bias=2.0))"."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from recurrax import cells, initializers, tasks, wrappers
from recurrax._util import naming
from recurrax.activations import ACTIVATIONS
from recurrax.cell import Cell
from recurrax.initializers import Chrono, Initializer
from recurrax.tasks.task import Task

Unit = TypeVar("Unit")
Packages = ModuleType | tuple[ModuleType, ...]


def units(package: Packages, base: type[Unit] | tuple[type[Unit], ...]) -> dict[str, type[Unit]]:
    """Returns the units of a package by the names that texts and configs write, by alphabet.

    A unit is a dataclass that derives from `base`, in any file of the package; one file may hold several. Files and
    classes whose names begin with an underscore are left out, as are abstract classes and such as are no dataclass of
    their own: bases. A unit has the name of its file where that differs in underscores alone, else its own.

    >>> from recurrax import wrappers
    >>> list(units(wrappers, Cell))[:3]
    ['attention', 'batch_norm', 'dilated']

    Args:
      package: a package, a module, or a tuple of these.
      base: a class or a tuple of classes.
    """
    found = {}
    for module in _modules(package):
        file = module.__name__.rpartition(".")[2]
        for cls in vars(module).values():
            if not (isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__):
                continue
            if cls.__name__.startswith("_") or inspect.isabstract(cls) or "__dataclass_fields__" not in vars(cls):
                continue
            same = naming.plain(file) == naming.plain(cls.__name__)
            found[file if same else naming.snake_case(cls.__name__)] = cls
    return dict(sorted(found.items()))


def make(
    text: str,
    package: Packages,
    base: type[Unit],
    *,
    kind: str,
    example: str,
    arguments: Mapping[str, type] = MappingProxyType({}),
    words: Iterable[str] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Unit:
    """Makes the unit that a text describes: a name, in brackets its arguments in Python's syntax.

    A name may have any case and lack underscores; `module:Class` names a unit from elsewhere. Arguments are literals,
    units of the same kind, those in `arguments`, tuples of all these, and words: `gru(reset=after)`. A label for
    figures, "gru as mine", is left out.

    Args:
      text: what is to be made.
      package: where units are, as in `units`.
      base: what they derive from.
      kind: what a unit is, for messages, e.g. "cell".
      example: a right text, for messages.
      arguments: further classes that may stand in arguments, e.g. `units(initializers, Initializer)`.
      words: words whose spelling is put right.
      defaults: arguments of every object that has them and is not given them by the text.

    Raises:
      TypeError, ValueError: the text describes no unit; an argument is unknown or has a wrong value.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be the name of a {kind}, or like {example}, got {text!r}.")
    known = units(package, base)
    return naming.Vocabulary(kind, example, base, known, arguments, words, defaults).make(text)


def make_cell(text: str, **defaults: Any) -> Cell:
    """Makes the cell that a text describes: a name, in brackets what it wraps and other hyper-parameters.

    >>> make_cell("residual(RNN(recurrent_init=identity(gain=0.5), activation=relu))", hidden_size=8)
    Residual(cell=RNN(hidden_size=8, use_bias=True, input_init=Gaussian(gain=1.0), bias_init=Zeros(), \
recurrent_init=Identity(gain=0.5), activation='relu'))

    Args:
      text: the name of a cell or wrapper, in any case and with underscores or without, or `module:Class`; or a call in
        Python's syntax whose arguments are cells, initialisers, words and literals.
      **defaults: hyper-parameters of every cell that has them and is not given them by the text.

    Raises:
      TypeError, ValueError: the text describes no cell; a hyper-parameter is unknown or has a wrong value.
    """
    arguments = units(initializers, (Initializer, Chrono))
    example = "zoneout(lstm(forget_bias=2.0), rate=0.1)"
    return make(
        text, _CELLS, Cell, kind="cell", example=example, arguments=arguments, words=ACTIVATIONS, defaults=defaults
    )


def make_task(text: str) -> Task:
    """Makes the task that a text describes.

    >>> make_task("copy(100, symbols=4)")
    Copy(length=100, symbols=4, count=10, markers='one')

    Args:
      text: a name, in brackets its fields in Python's syntax.

    Raises:
      TypeError, ValueError: the text describes no task; a field is unknown or has a wrong value.
    """
    return make(text, tasks, Task, kind="task", example="copy(100, symbols=4)")


def all_cells() -> tuple[str, ...]:
    """Returns the names of the cells that take vectors and have a `hidden_size`, by alphabet; wrappers are left out."""
    return tuple(name for name, cls in units(cells, Cell).items() if _takes_vectors(name, cls))


_CELLS = (cells, wrappers)


def _modules(package: Packages) -> Iterable[ModuleType]:
    if isinstance(package, tuple):
        for each in package:
            yield from _modules(each)
    elif hasattr(package, "__path__"):
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                yield importlib.import_module(f"{package.__name__}.{module.name}")
    else:
        yield package


def _takes_vectors(name: str, cls: type[Cell]) -> bool:
    if "hidden_size" not in [field.name for field in dataclasses.fields(cls)]:  # pyright: ignore[reportArgumentType]
        return False
    cell = make_cell(name, hidden_size=32)
    return cell.input_ndim == 1 and getattr(cell.zero_input(1), "shape", None) == (1,)
