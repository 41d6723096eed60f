"""Every task, found by its file, and the texts that name one: "copy(100)", "temporal_order(length=50, symbols=3)"."""

import functools
import importlib
import pkgutil

from recurrax import tasks
from recurrax._util import naming
from recurrax.tasks.task import Task


@functools.cache
def all_tasks() -> dict[str, type[Task]]:
    """Returns the tasks by the names that configs write, by alphabet."""
    found = {}
    for module in pkgutil.iter_modules(tasks.__path__):
        if module.name == "catalogue":
            continue
        name = f"{tasks.__name__}.{module.name}"
        for cls in vars(importlib.import_module(name)).values():
            own = isinstance(cls, type) and issubclass(cls, Task) and cls.__module__ == name
            if own and "__dataclass_fields__" in vars(cls):
                found[naming.snake_case(cls.__name__)] = cls
    return dict(sorted(found.items()))


def make_task(text: str) -> Task:
    """Makes the task that a text describes.

    >>> make_task("copy(100, symbols=4)")
    Copy(length=100, symbols=4, count=10, markers='one')

    Args:
      text: a name, in brackets its fields in Python's syntax.

    Raises:
      TypeError, ValueError: the text describes no task; a field is unknown or has a wrong value.
    """
    find = functools.partial(naming.lookup, known=all_tasks(), kind="task")
    task = naming.make(text, find, kind="task", example="copy(100, symbols=4)")
    if not isinstance(task, Task):
        raise ValueError(f"task {text!r} names no task.")
    return task
