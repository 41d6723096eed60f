"""The cells of a study: those that its config names, multiplied by its axes."""

import dataclasses
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recurrax import Cell
from recurrax._util import naming
from recurrax.catalogue import make_cell


@dataclasses.dataclass(frozen=True)
class Variant:
    """One cell of the study, and the length that its gradients are measured over."""

    label: str
    """As in figures."""
    cell: Cell
    length: int
    """Longest distance in steps."""
    source: str
    """The label of what the config names."""
    axes: tuple[tuple[str, float], ...] = ()
    """Name and value of the axes that apply."""

    @property
    def family(self) -> str:
        """What cells with the same equations have in common: the names of the classes."""
        return family(self.cell)

    @property
    def folder(self) -> str:
        """The name of the folder of what was trained and measured: one name for one cell, however it is spelled."""
        text = f"{type(self.cell).__module__}:{self.cell!r}"
        return f"{naming.snake_case(type(self.cell).__name__)}-{zlib.crc32(text.encode()):08x}"


AXES = {"hidden_size": "H = {:g}", "length": "T = {:g}", "forget_bias": "forget bias {:g}", "gain": "gain {:g}"}
"""How a label names a value of an axis."""


def make_variants(texts: Sequence[str], hidden_size: int, length: int, axes: Mapping[str, Sequence]) -> list[Variant]:
    """Returns the cells that the texts name, each with every value of the axes that apply to it.

    An axis applies to a cell whose text does not settle it: `forget_bias` to "lstm", not to "lstm(forget_bias=1.0)";
    `gain`, which scales recurrent weights, to "rnn", not to "rnn(recurrent_init=gaussian(gain=0.9))".

    Args:
      texts: names of cells with hyper-parameters and labels.
      hidden_size: H, where neither a text nor an axis gives it.
      length: longest distance in steps, where no axis gives it.
      axes: values by the name of the axis, one of `AXES`; none where the axis is not asked for.

    Raises:
      TypeError: a text leads to no cell.
      ValueError: likewise, or an axis applies to no cell.
    """
    variants = [variant for text in texts for variant in _variants(text, hidden_size, length, axes)]
    applied = {name for variant in variants for name, _ in variant.axes}
    for axis, values in axes.items():
        if values and axis not in applied:
            raise ValueError(f"axes.{axis} applies to none of them; name one whose text does not settle it, e.g. lstm.")
    return variants


def family(cell: Cell) -> str:
    """Returns the class of a cell, and in brackets those of the cells inside.

    >>> family(make_cell("residual(gru(forget_bias=1.0))", hidden_size=4))
    'Residual(GRU)'
    """
    inside = ", ".join(family(part) for part in _cells_inside(cell))
    return type(cell).__name__ + (f"({inside})" if inside else "")


def _variants(text: str, hidden_size: int, length: int, axes: Mapping[str, Sequence]) -> Iterator[Variant]:
    def make(settings: Mapping[str, Any]) -> tuple[Cell, int]:
        given = {"hidden_size": hidden_size, **settings}
        steps, gain = given.pop("length", length), given.pop("gain", None)
        cell = make_cell(text, **given)
        if gain is not None and not re.search(r"\bgain\b", naming.unlabelled(text)):
            cell = _scaled(cell, gain)
        return cell, steps

    plain = make({})
    applying = [name for name, values in axes.items() if any(make({name: value}) != plain for value in values)]
    unlabelled = naming.unlabelled(text)
    source = naming.label(text) if unlabelled != text else _with_names_of_classes(text.strip(), family(plain[0]))
    for values in itertools.product(*(axes[name] for name in applying)):
        settings = dict(zip(applying, values, strict=True))
        named = ", ".join([source, *(AXES[name].format(value) for name, value in settings.items())])
        yield Variant(named, *make(settings), source, tuple(settings.items()))


def _with_names_of_classes(text: str, classes: str) -> str:
    """Returns the text of a cell with one spelling for the names in it: "LSTM" for "lstm", as in labels.

    >>> _with_names_of_classes("residual(layer_norm_gru(forget_bias=1.0))", "Residual(LayerNormGRU)")
    'Residual(LayerNormGRU(forget_bias=1.0))'
    """
    for name in re.findall(r"\w+", classes):
        text = re.sub(rf"\b({naming.snake_case(name)}|{naming.plain(name)})\b(?!=)", name, text, flags=re.IGNORECASE)
    return text


def _cells_inside(cell: Cell) -> list[Cell]:
    values = [getattr(cell, field.name) for field in dataclasses.fields(cell)]  # pyright: ignore[reportArgumentType]
    parts = itertools.chain.from_iterable(value if isinstance(value, tuple) else (value,) for value in values)
    return [part for part in parts if isinstance(part, Cell)]


def _scaled(cell: Cell, gain: float) -> Cell:
    """Returns the cell with recurrent weights of another gain, and so the cells inside it."""

    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(changed, value))
        return _scaled(value, gain) if isinstance(value, Cell) else value

    fields = {field.name: getattr(cell, field.name) for field in dataclasses.fields(cell) if field.init}  # pyright: ignore[reportArgumentType]
    new = {name: changed(value) for name, value in fields.items()}
    if hasattr(initializer := new.get("recurrent_init"), "gain"):
        new["recurrent_init"] = dataclasses.replace(initializer, gain=gain)  # pyright: ignore[reportArgumentType]
    differing = {name: value for name, value in new.items() if value != fields[name]}
    return dataclasses.replace(cell, **differing) if differing else cell  # pyright: ignore[reportArgumentType]
