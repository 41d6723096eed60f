"""Metrics as lines of JSON, one per logged step and seed: none twice, none left out, however often a run is cut."""

import json
import math
import os
from pathlib import Path
from typing import Any

from experiments.common.errors import ExperimentError

METRICS = "metrics.jsonl"
"""Name of the file, in the folder of a training."""
Row = dict[str, Any]
"""A line: its "step", its "seed", and values by name."""


def read_rows(path: Path, seeds: range) -> list[Row]:
    """Returns the lines of a file, in their order; the last one is left out where it was cut short.

    Args:
      path: the file; none where it is missing.
      seeds: of the run.

    Raises:
      ExperimentError: a line is damaged, stands there twice or out of order, or is of another run; the message names
        the file and the line.
    """
    return [row for row, _ in _lines(path, seeds)]


def _lines(path: Path, seeds: range) -> list[tuple[Row, int]]:
    """Returns the lines, each with its length in bytes."""
    found: list[tuple[Row, int]] = []
    known: set[tuple[int, int, bool]] = set()
    # Only at line feeds: JSON may hold what `splitlines` takes for an end.
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines[:-1], 1):
        row = _row(line)
        problem = row if isinstance(row, str) else _problem(row, seeds, known, found[-1][0] if found else None)
        if isinstance(row, str) or problem:
            raise ExperimentError(
                f"{path}, line {number}: {problem}.\nNothing was changed. Without this line and those after it the "
                "same command goes on from the checkpoint before; or choose another --workdir."
            )
        known.add(_name(row))
        found.append((row, len(line) + 1))
    return found


def _row(line: bytes) -> Row | str:
    """Returns what a line holds, or why that is no row."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "it is damaged, being no JSON"
    return row if isinstance(row, dict) else f"it is damaged, being {type(row).__name__} where an object is expected"


def _problem(row: Row, seeds: range, known: set[tuple[int, int, bool]], before: Row | None) -> str | None:
    """Returns why a row cannot follow another in the metrics of these seeds; None where it can."""
    for name in ("step", "seed"):
        if type(row.get(name)) is not int or row[name] < 0:
            return f'it has no "{name}" of 0 or more' if name not in row else f'its "{name}" is {row[name]!r}'
    if row["seed"] not in seeds:
        return f"it is of another run: seed {row['seed']} is none of {seeds.start} to {seeds.stop - 1}"
    if before is not None and row["step"] < before["step"]:
        return f"step {row['step']} comes after step {before['step']}"
    return f"step {row['step']} of seed {row['seed']} stands there twice" if _name(row) in known else None


def _name(row: Row) -> tuple[int, int, bool]:
    """Returns what no other row may have in common with this one: that a seed diverged has a row of its own."""
    return row["step"], row["seed"], bool(row.get("diverged"))


class Metrics:
    """The file `metrics.jsonl`; a context manager.

    Numbers that are not finite are written as null, which JSON has. No times are in it: a run that was killed and went
    on leaves the same bytes as one left alone.

    Attributes:
      path: the file.
      seeds: of the run.
      rows: what it holds.
    """

    def __init__(self, path: Path, seeds: range):
        self.path, self.seeds = path, seeds
        self.rows: list[dict[str, Any]] = []
        self._file: Any = None

    def open(self, step: int, *, whole: bool = True) -> None:
        """Reads what an earlier run wrote, drops what lies after `step`, and gets ready to write on.

        Args:
          step: that the run goes on from.
          whole: whether the lines of that step are all there; if not, they are written again.

        Raises:
          ExperimentError: as `read_rows`.
        """
        last = step if whole else step - 1
        kept = [
            (row, length)
            for row, length in _lines(self.path, self.seeds)
            if row["step"] <= last or (row["step"] == step and row.get("diverged"))
        ]
        length = sum(length for _, length in kept)
        self.rows = [row for row, _ in kept]
        self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        self._file.truncate(length)
        self._file.seek(length)

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, step: int, seed: int, **values: Any) -> None:
        """Appends a line, safe on the disk when this returns.

        Raises:
          OSError: the disk is full; the file ends in a whole line.
        """
        row = {"step": step, "seed": seed, **{name: _plain(value) for name, value in values.items()}}
        position = self._file.tell()
        try:
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(position)
            raise
        self.rows.append(row)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
