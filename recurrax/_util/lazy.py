"""Packages that export many names and import a file only once one of its names is asked for."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from recurrax._util.naming import did_you_mean


def exports(package: str, files: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns a package's `__getattr__` and `__dir__`.

    Args:
      package: the package's name.
      files: the module that defines a name, by name.
    """

    def get(name: str) -> Any:
        if name not in files:
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{did_you_mean(name, files)}")
        value = getattr(importlib.import_module(f"{package}.{files[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(files)
