"""Objects named by text: "lstm", "zoneout(lstm(forget_bias=2.0))"; in Python's syntax, of names and literals alone."""

import ast
import dataclasses
import difflib
import importlib
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

_QUOTED = r"\"[^\"]*\"|'[^']*'"
_LABEL = re.compile(rf"(?P<text>(?:{_QUOTED}|[^\"'])*?)\s+as\s+(?P<label>{_QUOTED}|[^\"'()\[\]]+)\s*")
_FROM_ELSEWHERE = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<name>[\w.]*:[A-Za-z_]\w*)")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """What the texts of one kind may say.

    Attributes:
      kind: what a text makes, for messages, e.g. "cell".
      example: a right text, for messages.
      base: the class of what a text makes.
      known: classes that a text may name, by their names.
      arguments: further classes that it may name among arguments, e.g. initialisers.
      words: words whose spelling is put right where an argument is text, e.g. names of activations.
      defaults: arguments of every object that has them and is not given them by the text.
    """

    kind: str
    example: str
    base: type
    known: Mapping[str, type]
    arguments: Mapping[str, type] = dataclasses.field(default_factory=dict)
    words: Iterable[str] = ()
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def make(self, text: str) -> Any:
        """Makes what a text describes: a name, in brackets its arguments, which may be named objects themselves.

        A name is one of `known` in any spelling, or `module:Class`. An argument is a call, a literal, a name, or a
        tuple of these; where the class takes text, a name is that text. A label, as in "gru as mine", is left out.

        Raises:
          TypeError, ValueError: the text describes nothing; an argument is unknown or has a wrong value.
        """
        elsewhere: dict[str, str] = {}

        def as_name(match: re.Match) -> str:
            if match["quoted"]:
                return match["quoted"]
            elsewhere[name := f"_elsewhere_{len(elsewhere)}"] = match["name"]
            return name

        try:
            expression = ast.parse(_FROM_ELSEWHERE.sub(as_name, unlabelled(text).strip()), mode="eval").body
        except SyntaxError:
            raise ValueError(f"{self.kind} {text!r} must be a name or like {self.example}.") from None
        for node in ast.walk(expression):
            if isinstance(node, ast.Name):
                node.id = elsewhere.get(node.id, node.id)
        made = self._value(expression, text, top=True)
        if not isinstance(made, self.base):
            raise ValueError(f"{self.kind} {text!r} names no {self.kind}.")
        return made

    def _value(self, node: ast.expr, text: str, *, takes_text: bool = False, top: bool = False) -> Any:
        match node:
            case ast.Name(id=word) if takes_text:
                return next((right for right in self.words if plain(right) == plain(word)), word)
            case ast.Name(id=name):
                _no_misspelt_literal(name)
                return self._made(name, [], [], text, top)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if all(k.arg for k in keywords):
                return self._made(name, args, keywords, text, top)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return tuple(self._value(element, text, takes_text=takes_text) for element in elements)
        try:
            return ast.literal_eval(node)
        except ValueError:
            problem = f"may hold names, calls and literals only, not {ast.unparse(node)!r}"
            raise ValueError(f"{self.kind} {text!r} {problem}.") from None

    def _made(self, name: str, args: list, keywords: list[ast.keyword], text: str, top: bool) -> Any:
        if ":" in name:
            cls = imported(name, self.base if top else object, self.kind)
        else:
            known = self.known if top else {**self.arguments, **self.known}
            cls = lookup(name, known, self.kind if top else "name")
        # In the order of the signature, where those that are given by name alone come last.
        in_order = sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only))
        fields = {field.name: field for field in in_order if field.init}
        positional = [field.name for field in fields.values() if not field.kw_only]
        if len(args) > len(positional):
            together = f"{name}(({', '.join(map(ast.unparse, args))}))"
            takes_many = len(positional) == 1 and "tuple" in str(fields[positional[0]].type)
            hint = f" Did you mean {together}?" if takes_many else ""
            most = f"takes at most {len(positional)} arguments without a name"
            raise TypeError(f"{name} {most}, got {len(args)}.{hint}{_valid(fields)}")
        given = list(zip(positional, args, strict=False)) + [(str(k.arg), k.value) for k in keywords]
        values = {}
        for argument, node in given:
            if argument not in fields:
                hint = did_you_mean(argument, fields)
                raise TypeError(f"{name} has no argument {argument!r}.{hint}{_valid(fields)}")
            if argument in values:
                raise TypeError(f"{name} is given {argument} twice.")
            takes_text = _takes_text(fields[argument].type)
            values[argument] = self._value(node, text, takes_text=takes_text)
        values = {k: v for k, v in self.defaults.items() if k in fields} | values
        for argument, field in fields.items():
            needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            if needed and argument not in values:
                raise TypeError(f"{name} needs {argument}.{_valid(fields)}")
        return cls(**values)


def _no_misspelt_literal(name: str) -> None:
    """Raises a ValueError for a name by which other languages mean a literal."""
    if name.lower() in ("true", "false", "none", "null"):
        raise ValueError(f"unknown name {name!r}. Did you mean {'None' if name == 'null' else name.capitalize()}?")
    if name.lower() in ("nan", "inf", "infinity"):
        raise ValueError(f"{name!r} is no number that an argument may have: numbers must be finite.")


def lookup(name: str, known: Mapping[str, Any], kind: str) -> Any:
    """Returns what is known under a name, upper or lower case, with underscores or without.

    Raises:
      ValueError: there is none; the message has names that resemble it, or else all.
    """
    try:
        return {plain(key): value for key, value in known.items()}[plain(name)]
    except KeyError:
        everything = f" Known are {', '.join(sorted(known))}; or module:Class for one of your own."
        raise ValueError(f"unknown {kind} {name!r}.{did_you_mean(name, known) or everything}") from None


def imported(name: str, base: type, kind: str) -> type:
    """Returns the class that "module:Class" names.

    Raises:
      ValueError: it cannot be imported, or is no subclass of `base`.
    """
    module, _, attribute = name.partition(":")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{kind} {name!r} cannot be imported: {error}.") from None
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise ValueError(f"{name!r} is no subclass of {base.__module__}.{base.__qualname__}.")
    if not dataclasses.is_dataclass(cls):
        raise ValueError(f"{name!r} is no dataclass.")
    return cls


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Returns a sentence with the names in `known` that resemble `name`, or nothing; so for what is no text.

    Of dotted names the last part counts as well: who types `lr` may mean `train.lr`.

        >>> did_you_mean("lr", ["seed", "train.lr", "train.steps"])
        ' Did you mean train.lr?'
    """
    name = name.lower() if isinstance(name, str) else ""
    spelled: dict[str, list[str]] = {}
    for candidate in known:
        for spelling in {candidate.lower(), candidate.lower().rpartition(".")[2]}:
            spelled.setdefault(spelling, []).append(candidate)
    alike = (match for part in (name, name.rpartition(".")[2]) for match in difflib.get_close_matches(part, spelled))
    close = list(dict.fromkeys(candidate for match in alike for candidate in spelled[match]))[:3]
    return f" Did you mean {' or '.join(close)}?" if close else ""


def split(text: str, separator: str = ",") -> list[str]:
    """Splits a list at its commas, or what else separates it, save those in brackets and in quotes.

    >>> split("lstm, zoneout(gru, rate_h=0.1), gru as 'slow, open'")
    ['lstm', 'zoneout(gru, rate_h=0.1)', "gru as 'slow, open'"]
    """
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "([") - (character in ")]")
        if character == separator and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def label(text: str) -> str:
    """Returns what figures call an object: the label that stands after `as`, or else the text itself.

    >>> label("lstm(forget_bias=3.0) as 'LSTM, open'"), label("gru as GRU"), label("gru")
    ('LSTM, open', 'GRU', 'gru')
    """
    found = _LABEL.fullmatch(text)
    return found["label"].strip().strip("\"'") if found else text.strip()


def unlabelled(text: str) -> str:
    """Returns a text without its label.

    >>> unlabelled("lstm(forget_bias=3.0) as 'LSTM, open'")
    'lstm(forget_bias=3.0)'
    """
    found = _LABEL.fullmatch(text)
    return found["text"] if found else text


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


def _takes_text(hint: Any) -> bool:
    """Whether a field of this type may hold text."""
    if isinstance(hint, str):
        return re.search(r"\b(str|Literal)\b", hint) is not None
    return hint is str or typing.get_origin(hint) is typing.Literal or any(map(_takes_text, typing.get_args(hint)))


def _valid(fields: Iterable[str]) -> str:
    return f" Its arguments are {', '.join(fields)}." if fields else " It has no arguments."
