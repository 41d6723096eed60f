"""Objects named by text: "lstm", "zoneout(lstm(forget_bias=2.0))"; in Python's syntax, of names and literals alone."""

import ast
import dataclasses
from collections.abc import Callable
from typing import Any

Find = Callable[[str], type]
"""Returns the dataclass of a name, or raises a ValueError that lists the known ones."""


def make(text: str, find: Find, *, kind: str, example: str, defaults: dict[str, Any] | None = None) -> Any:
    """Makes what a text describes: a name, in brackets its fields, which may be named objects themselves.

    Args:
      text: a name, or a call whose arguments are names, calls, literals, and tuples of these.
      find: looks names up.
      kind: what is made, for messages, e.g. "cell".
      example: a right text, for messages.
      defaults: fields of every object that has them and is not given them by the text.

    Raises:
      TypeError, ValueError: the text describes nothing; a field is unknown or has a wrong value.
    """
    try:
        expression = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{kind} {text!r} must be a name or like {example}.") from None
    return _value(expression, text, find, kind, defaults or {})


def made(cls: type, positional: list[Any], named: dict[str, Any], defaults: dict[str, Any]) -> Any:
    """Returns an instance of a dataclass; those of `defaults` are taken that it has and is not given."""
    fields = [field.name for field in dataclasses.fields(cls)]
    taken = set(fields[: len(positional)]) | set(named)
    return cls(*positional, **{k: v for k, v in defaults.items() if k in fields and k not in taken}, **named)


def split(text: str) -> list[str]:
    """Splits a list at its commas, save those in brackets.

    >>> split("lstm, zoneout(gru, rate_h=0.1)")
    ['lstm', 'zoneout(gru, rate_h=0.1)']
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def lookup(name: str, known: dict[str, type], kind: str) -> type:
    """Returns the class of a name, upper or lower case, with underscores or without.

    Raises:
      ValueError: there is none; the message lists those that there are.
    """
    try:
        return {plain(key): cls for key, cls in known.items()}[plain(name)]
    except KeyError:
        raise ValueError(f"unknown {kind} {name!r}; known are {', '.join(sorted(known))}.") from None


def plain(name: str) -> str:
    """Returns a name as it is compared.

    >>> plain("TemporalOrder") == plain("temporal_order")
    True
    """
    return name.lower().replace("_", "")


def snake_case(name: str) -> str:
    """Returns the name of a class as configs write it.

    >>> snake_case("TemporalOrder"), snake_case("DelayedXOR"), snake_case("MNIST1D")
    ('temporal_order', 'delayed_xor', 'mnist1d')
    """
    letters = []
    for n, character in enumerate(name):
        if character.isupper() and n and not name[n - 1].isupper() and not name[n - 1].isdigit():
            letters.append("_")
        letters.append(character.lower())
    return "".join(letters)


def _value(node: ast.expr, text: str, find: Find, kind: str, defaults: dict[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return made(find(name), [], {}, defaults)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if all(k.arg for k in keywords):
            positional = [_value(arg, text, find, kind, defaults) for arg in args]
            named = {str(k.arg): _value(k.value, text, find, kind, defaults) for k in keywords}
            return made(find(name), positional, named, defaults)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(_value(element, text, find, kind, defaults) for element in elements)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(
            f"{kind} {text!r} may hold names, calls and literals only, not {ast.unparse(node)!r}."
        ) from None
