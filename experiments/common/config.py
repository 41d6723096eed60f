"""Configs as frozen dataclasses: the schema of a study is a class, and what a user gives is checked against it once."""

import dataclasses
import inspect
import json
import math
import re
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from experiments.common.errors import ExperimentError
from recurrax._util import naming
from recurrax._util.naming import did_you_mean

Schema = TypeVar("Schema")

_EXPECTED = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a string"}
_EXPECTED_ITEMS = {bool: "true or false", int: "whole numbers", float: "finite numbers", str: "strings"}
_LARGEST = {int: 2**31 - 1, float: float(np.finfo(np.float32).max)}
"""What JAX takes by default: 32 bits."""
_LEAST = float(np.finfo(np.float32).tiny)
"""What is nearer to 0 becomes 0 in these."""


def from_config(cls: type[Schema], config: Any, name: str = "config") -> Schema:
    """Checks a config against the type hints of a frozen dataclass and returns an instance of it.

    Hints may be bool, int, float, str, tuples of these (`tuple[int, ...]`) and dataclasses. An int passes for a float,
    a bool never for a number, and numbers must be finite in 32 bits, as JAX takes them. For a tuple, text with commas
    passes as well, since that is what the command line makes of `--config.cells=lstm,gru`. A field that has a default
    may be left out.

    Args:
      cls: the dataclass. What lies beyond types, such as ranges, it checks in `__post_init__` with `require`.
      config: an `ml_collections.ConfigDict` or a mapping, nested as `cls` is.
      name: the dotted name of `config`, with which every message begins.

    Raises:
      ExperimentError: a field is unknown, missing, of another type or out of range.
    """
    config = config.to_dict() if hasattr(config, "to_dict") else config
    if not isinstance(config, Mapping):
        raise ExperimentError(f"{name} must be a group of fields, got {_show(config)}.")
    hints = typing.get_type_hints(cls)
    for field in config:
        if field not in hints:
            hint = did_you_mean(f"{name}.{field}", [f"{name}.{known}" for known in hints])
            raise ExperimentError(f"{name}.{field} is no field that this experiment knows.{hint}")
    for field in dataclasses.fields(cls):  # pyright: ignore[reportArgumentType]
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in config:
            raise ExperimentError(f"{name}.{field.name} is missing; expected {_expected(hints[field.name])}.")
    values = {field: _check(hints[field], value, f"{name}.{field}") for field, value in config.items()}
    try:
        return cls(**values)
    except FieldError as error:
        raise FieldError(f"{name}.{error.field}", error.problem) from None


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a dataclass as JSON would read it back: dicts, lists, numbers and strings."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


class FieldError(ExperimentError):
    """A field has a value that its dataclass refuses."""

    def __init__(self, field: str, problem: str):
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def require(condition: bool, field: str, value: Any, expectation: str) -> None:
    """Raises unless `condition` holds; for `__post_init__`.

    >>> require(-1 > 0, "learning_rate", -1, "above 0")
    Traceback (most recent call last):
      ...
    experiments.common.config.FieldError: learning_rate must be above 0, got -1.
    """
    if not condition:
        raise FieldError(field, f"must be {expectation}, got {_show(value)}.")


def require_seed(seed: int, seeds: int = 1) -> None:
    """Raises unless `seed`, and so many from it on, are seeds of 32 bits with a sign; for `__post_init__`."""
    require(0 <= seed <= 2**31 - seeds, "seed", seed, f"between 0 and 2^31 - {seeds}")


def require_choice(field: str, value: str, allowed: typing.Iterable[str]) -> None:
    """Raises unless `value` is one of the names in `allowed`; for `__post_init__`."""
    allowed = list(allowed)
    if value not in allowed:
        raise FieldError(
            field, f"must be one of {', '.join(allowed)}, got {_show(value)}.{did_you_mean(value, allowed)}"
        )


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of a nested mapping by their dotted names.

    >>> flatten({"seed": 0, "train": {"steps": 100}})
    {'seed': 0, 'train.steps': 100}
    """
    leaves = {}
    for field, value in config.items():
        leaves |= flatten(value, f"{prefix}{field}.") if isinstance(value, Mapping) else {f"{prefix}{field}": value}
    return leaves


def field_docs(schema: type, prefix: str = "") -> dict[str, str]:
    """Returns what the `Attributes:` of a dataclass and of those nested in it say, by the fields' dotted names."""
    docs = {}
    _, _, section = (inspect.getdoc(schema) or "").partition("Attributes:\n")
    for item in re.finditer(r"^ +(\w+): (.*(?:\n ++(?!\w+: ).*)*)", section, re.MULTILINE):
        docs[prefix + item[1]] = " ".join(item[2].split())
    for field, hint in typing.get_type_hints(schema).items():
        if dataclasses.is_dataclass(hint):
            docs |= field_docs(typing.cast(type, hint), f"{prefix}{field}.")
    return docs


def _check(hint: Any, value: Any, name: str) -> Any:
    """Returns `value` as `hint` wants it, or raises an error that begins with `name`."""
    if dataclasses.is_dataclass(hint):
        return from_config(typing.cast(type, hint), value, name)
    if typing.get_origin(hint) is tuple:
        item_type = typing.get_args(hint)[0]
        items = [_item(item_type, item) for item in _split(value)] if isinstance(value, tuple | list | str) else [None]
        if None not in items:
            return tuple(_in_32_bits(item, name) for item in items)
    elif (item := _item(hint, value)) is not None:
        return _in_32_bits(item, name)
    raise ExperimentError(f"{name} must be {_expected(hint)}, got {_show(value)}.")


def _item(hint: Any, value: Any) -> Any:
    """Returns a bool, int, float or str as `hint` wants it, None if it does not fit."""
    if hint not in _EXPECTED:
        raise TypeError(f"A config field cannot have the type {hint}.")
    if hint is float and type(value) is int and abs(value) <= _LARGEST[float]:
        value = float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        return None
    return None if hint is float and not math.isfinite(value) else value


def _in_32_bits(value: Any, name: str) -> Any:
    largest = _LARGEST.get(type(value), math.inf)
    if not isinstance(value, str) and abs(value) > largest:
        raise ExperimentError(f"{name} must be at most {largest:.10g} in size, got {_show(value)}.")
    if isinstance(value, float) and 0 < abs(value) < _LEAST:
        raise ExperimentError(f"{name} must be 0, or at least {_LEAST:.3g} in size, got {_show(value)}.")
    return value


def _split(value: Any) -> list[Any]:
    """Takes text in a tuple apart at its commas, save those in brackets; also what was split at all of them before.

    >>> _split("lstm,gru"), _split(("copy(50", " symbols=4)", "gru"))
    (['lstm', 'gru'], ['copy(50, symbols=4)', 'gru'])
    """
    items: list[Any] = []
    texts: list[str] = []
    for item in [value] if isinstance(value, str) else value:
        if isinstance(item, str):
            texts.append(item)
        else:
            items += [*_texts(texts), item]
            texts = []
    return items + _texts(texts)


def _texts(parts: list[str]) -> list[str]:
    return [part for part in naming.split(",".join(parts)) if part]


def _expected(hint: Any) -> str:
    if dataclasses.is_dataclass(hint):
        return "a group of fields"
    if typing.get_origin(hint) is tuple:
        return f"{_EXPECTED_ITEMS[typing.get_args(hint)[0]]} separated by commas"
    return _EXPECTED[hint]


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
