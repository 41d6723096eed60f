"""Metrics as lines of JSON, one per logged step: no step twice, none left out, however often a run is cut short."""

import json
import math
import os
from pathlib import Path
from typing import Any

from experiments.common.errors import ExperimentError


class Metrics:
    """The file `metrics.jsonl`; a context manager.

    Numbers that are not finite are written as null, which JSON has. No times are in it: a run that was killed and went
    on leaves the same bytes as one left alone.

    Attributes:
      path: the file.
      rows: what it holds.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self._file: Any = None

    def open(self, step: int) -> None:
        """Reads what an earlier run wrote, drops what lies after `step`, and gets ready to write on.

        Raises:
          ExperimentError: a line before `step` is damaged.
        """
        kept, length = [], 0
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if not isinstance(row, dict) or not line.endswith(b"\n"):
                    raise ValueError
            except ValueError:
                if number == len(lines):
                    break  # cut short while it was written
                raise ExperimentError(
                    f"{self.path}, line {number}: damaged.\nNothing was changed; choose another --workdir."
                ) from None
            if row["step"] > step:
                break
            kept.append(row)
            length += len(line)
        self.rows = kept
        self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        self._file.truncate(length)
        self._file.seek(length)

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, step: int, **values: Any) -> None:
        """Appends a line, safe on the disk when this returns.

        Raises:
          OSError: the disk is full; the file ends in a whole line.
        """
        row = {"step": step, **{name: _plain(value) for name, value in values.items()}}
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
