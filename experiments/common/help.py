"""What `--help` and `--helpfull` of a study print."""

import inspect
import shlex
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.common.config import field_docs

Names = Callable[[], Mapping[str, Mapping[str, type]]]
"""Returns what texts in a config may name: classes by their names, by their kind."""


class Option(NamedTuple):
    """A flag of one study, beside the config: how it is run, not what it computes."""

    name: str
    default: str
    choices: Sequence[str] | None
    """Values that it may have; None for any."""
    help: str


def help_text(
    program: str,
    description: str,
    path: str,
    fields: Mapping[str, Any],
    schema: type | None,
    options: Sequence[Option],
) -> str:
    """Returns what a study does, its flags, and the fields of its config with their values.

    Args:
      program: the module that `python -m` runs.
      description: what the study does.
      path: of the config.
      fields: values by dotted names.
      schema: the dataclass of the config, whose `Attributes:` explain the fields.
      options: further flags.
    """
    docs = field_docs(schema) if schema else {}
    lines = [
        description.strip(),
        "",
        f"Usage: python -m {program} --workdir=DIR [--config=FILE] [--config.FIELD=VALUE ...]",
        "",
        "  --workdir=DIR",
        "      folder for the results; the same command again goes on where it stopped",
        f"  --config={path}",
        "      file whose get_config() gives the fields below",
        *(line for o in options for line in (f"  --{o.name}={o.default}", f"      {o.help}")),
        "  --help",
        "      show this text; --helpfull says as well what every name stands for",
        "",
    ]
    for field, value in fields.items():
        lines.append(f"  --config.{field}={_as_argument(value)}")
        if field in docs:
            lines.append(f"      {docs[field]}")
    return "\n".join(lines)


def listed(names: Mapping[str, Mapping[str, type]]) -> str:
    """Returns the names of each kind, wrapped into lines."""
    return "".join(
        "\n" + textwrap.fill(f"{kind}: {', '.join(of_kind)}", 100, subsequent_indent="    ", break_on_hyphens=False)
        for kind, of_kind in names.items()
    )


def explained(names: Mapping[str, Mapping[str, type]]) -> str:
    """Returns a line for every name: what stands first in the docstring of its class."""
    lines = []
    for kind, of_kind in names.items():
        lines += ["", f"{kind}:"]
        lines += [f"  {name}: {(inspect.getdoc(cls) or '').split(chr(10))[0]}" for name, cls in of_kind.items()]
    return "\n".join(lines)


def _as_argument(value: Any) -> str:
    """Writes a value the way the command line takes it."""
    return shlex.quote(",".join(map(str, value)) if isinstance(value, tuple | list) else str(value))
