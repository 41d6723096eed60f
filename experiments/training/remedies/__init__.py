"""What is said to help against vanishing and exploding gradients, each under the name that a config gives it.

A remedy is a frozen dataclass that changes one or more of: the cell, the gradient, how a run is unrolled, the loss, the
parameters after a step. The work is done in `recurrax`; here is how it enters a training. Several go together; those
that change the cell, or the gradient, do so in the order of the list. A file holds the remedies of one kind, and every
subclass of `Remedy` in it is found.
"""

import functools
import importlib
import pkgutil

from experiments.training.remedies._base import Remedy
from recurrax._util import naming


@functools.cache
def all_remedies() -> dict[str, type[Remedy]]:
    """Returns the remedies by the names that configs write, by alphabet."""
    found = {}
    for file in pkgutil.iter_modules(__path__, f"{__name__}."):
        for cls in vars(importlib.import_module(file.name)).values():
            if isinstance(cls, type) and issubclass(cls, Remedy) and cls.__module__ == file.name and cls is not Remedy:
                found[naming.snake_case(cls.__name__)] = cls
    return dict(sorted(found.items()))


def make_remedies(text: str) -> tuple[Remedy, ...]:
    """Makes the remedies that a text lists, e.g. "forget_bias(1.0), clip_norm(1.0)"; none for an empty text.

    Raises:
      TypeError, ValueError: there is no such remedy; a field is unknown or has a wrong value.
    """
    find = functools.partial(naming.lookup, known=all_remedies(), kind="remedy")
    names = naming.split(text) if text.strip() else []
    return tuple(naming.make(name, find, kind="remedy", example="clip_norm(1.0)") for name in names)
