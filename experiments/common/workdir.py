"""The folder of a study's results: written whole or not at all, and picked up where a run stopped."""

import csv
import datetime
import fcntl
import io
import json
import os
import platform
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.lib.npyio import NpzFile

from experiments.common import columns
from experiments.common.cli import command
from experiments.common.config import flatten
from experiments.common.errors import ExperimentError
from experiments.common.progress import say
from recurrax._util import naming

_CONFIG, _DONE, _LOCK, _TEMPORARY = "config.json", "done.json", ".lock", ".tmp-"
_LATER = "resumed_with"
"""Name, in the record, of the versions and machines with which others than the first run went on."""


class Workdir:
    """A result folder, locked against a second process; a context manager.

    >>> with Workdir(path, config={"seed": 0}, data={"sha256": ""}) as workdir:  # doctest: +SKIP
    ...     if not workdir.finished:
    ...         workdir.save_part("lstm", {"norms": norms})
    ...         workdir.finish()

    Attributes:
      path: the folder.
      finished: whether a run has come to its end here; then nothing is to be written.
      resumed: whether an earlier run was cut short here, or one of a smaller study ended here.
      record: what `config.json` holds.

    Args:
      path: the folder.
      config: of the study, as JSON would read it back.
      data: what the study is about, likewise.
      grows: dotted names of fields of the config, in which a study may be larger than the one in the folder: a number
        that is not smaller, or a list that holds all that was there. The folder then goes on as the larger study.

    Raises:
      ExperimentError: the folder holds something else, another study, or is in use.
    """

    def __init__(self, path: Path, *, config: dict[str, Any], data: dict[str, Any], grows: Collection[str] = ()):
        self.path = path
        self._grows = frozenset(f"config.{name}" for name in grows)
        self._begin = time.monotonic()
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(path)
            self._lock = _locked(path)
        except OSError as error:
            raise ExperimentError(f"--workdir={path} cannot be written: {error.strerror}.") from error
        try:
            self._open(config, data)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, config: dict[str, Any], data: dict[str, Any]) -> None:
        known = self._read(_CONFIG)
        grown = known is not None and _check_same(self.path, known, {"config": config, "data": data}, self._grows)
        for leftover in self.path.rglob(f"{_TEMPORARY}*"):
            leftover.unlink()
        if grown:
            (self.path / _DONE).unlink(missing_ok=True)
        self.finished = (self.path / _DONE).exists()
        self.resumed = known is not None and not self.finished
        self.record = known or {"config": config, "data": data, **_circumstances()}
        if grown:
            self.record = {**self.record, "config": config}
        if known is None or grown:
            self._write_record()
        if known is not None and not self._is_over:
            self._note_versions()

    def _note_versions(self) -> None:
        """Adds the versions of now to the record, with a warning, where they took no part in this work so far."""
        now, later = _circumstances(), self.record.get(_LATER, [])
        before = [self.record, *(later if isinstance(later, list) else [])]
        taken_part = [part["versions"] for part in before if isinstance(part, dict) and "versions" in part]
        if now["versions"] in taken_part:
            return
        last = taken_part[-1] if taken_part and isinstance(taken_part[-1], dict) else {}
        names = [name for name in {**last, **now["versions"]} if last.get(name) != now["versions"].get(name)]
        changes = ", ".join(f"{name} {last.get(name)} there and {now['versions'].get(name)} here" for name in names)
        say(f"warning: {self.path} was begun with other versions, {changes}; results may differ in their last digits")
        self.record = {**self.record, _LATER: [*before[1:], now]}
        self._write_record()

    def _write_record(self) -> None:
        self.write_text(_CONFIG, json.dumps(self.record, indent=2) + "\n")

    @property
    def _is_over(self) -> bool:
        return self.finished and (self.path / "report.html").exists()

    def __enter__(self) -> "Workdir":
        return self

    def __exit__(self, *_) -> None:
        self._lock.close()

    def nothing_to_do(self, kind: str) -> bool:
        """Tells whether a run has come to its end here with its report, and if so says it of a `kind` of work."""
        if self._is_over:
            report = self.path / "report.html"
            say(f"{self.path} holds this {kind}, finished; nothing was done. The report is {report}")
        return self._is_over

    def save_part(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Keeps a finished part of the work, for `load_part` of this run or the next."""
        buffer = io.BytesIO()
        renamed: dict[str, Any] = {key.replace("/", "|"): value for key, value in arrays.items()}
        np.savez_compressed(buffer, **renamed)
        self.write_bytes(f"parts/{name}.npz", buffer.getvalue())

    def load_part(self, name: str, needed: Collection[str] = ()) -> dict[str, np.ndarray] | None:
        """Returns a part that was kept, or None; one that is damaged, or lacks a needed array, counts as missing."""
        return load_arrays(self.path / "parts" / f"{name}.npz", needed)

    def write_text(self, relative: str, text: str) -> None:
        """Writes a text file as a whole."""
        self.write_bytes(relative, text.encode())

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Writes a file as a whole: who reads it sees the old one or the new one, also after a crash."""
        target = self.path / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def write_csv(self, relative: str, header: Sequence[str], rows: Iterable[Sequence]) -> None:
        """Writes a table as a whole, and into `columns.csv` what its columns mean.

        Raises:
          ValueError: a column has no meaning in `experiments.common.columns`.
        """
        own = [(relative, *pair) for pair in zip(header, columns.meanings(list(header)), strict=True)]
        self.write_text(relative, _as_csv(header, rows))
        known = self.path / columns.FILE
        before = list(csv.reader(io.StringIO(known.read_text("utf-8"))))[1:] if known.exists() else []
        others = [tuple(row) for row in before if row and row[0] != relative]
        self.write_text(columns.FILE, _as_csv(columns.HEADER, sorted([*others, *own], key=lambda row: row[0])))

    def finish(self) -> None:
        """Marks the work as done; the last thing that a study does."""
        self.finished = True
        self.write_text(_DONE, json.dumps({"seconds_of_the_last_run": round(time.monotonic() - self._begin, 1)}) + "\n")

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self.path / name).read_text("utf-8"))
            groups = [content, *(content.get(part, {}) for part in ("config", "data") if isinstance(content, dict))]
            if not all(isinstance(group, dict) for group in groups):
                raise ValueError("it is damaged")
            return content
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise ExperimentError(
                f"{self.path / name} cannot be read: {error}.\nNothing was changed; choose another --workdir."
            ) from error


def _as_csv(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def load_arrays(path: Path, needed: Collection[str] = ()) -> dict[str, np.ndarray] | None:
    """Returns a part by its path; None where it is missing, damaged, or lacks a needed array.

    Raises:
      OSError: it cannot be read at the moment, and may be whole.
    """
    try:
        content = io.BytesIO(path.read_bytes())
    except FileNotFoundError:
        return None
    try:
        with NpzFile(content) as stored:
            arrays = {key.replace("|", "/"): stored[key] for key in stored.files}
        if missing := set(needed) - set(arrays):
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        return arrays
    except Exception as error:  # damaged bytes make the readers of zip, zlib and npy raise nearly anything
        # NumPy advises to run code from the file where an array is of Python objects, which no part of ours is.
        reason = "an array in it holds Python objects" if "allow_pickle" in str(error) else error
        say(f"warning: {path} is damaged ({reason}) and counts as missing")
        return None


def _refuse_foreign(path: Path) -> None:
    """Raises where the folder holds somebody else's files, before anything is put or removed there."""
    names = {entry.name for entry in path.iterdir()}
    if _CONFIG not in names and any(name != _LOCK and not name.startswith(_TEMPORARY) for name in names):
        raise ExperimentError(
            f"--workdir={path} is not empty and holds no study ({_CONFIG} is missing).\n"
            "Nothing was changed; choose another folder."
        )


def _locked(path: Path):
    """Returns the lock file, held as long as it is open."""
    lock = (path / _LOCK).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ExperimentError(f"--workdir={path} is in use by another process; wait, or choose another.") from error
    except OSError:
        lock.close()
        raise
    return lock


def _check_same(path: Path, known: dict[str, Any], asked: dict[str, Any], grows: Collection[str]) -> bool:
    """Tells whether the study has grown since the folder was begun.

    Raises:
      ExperimentError: the folder was begun with another config or other data.
    """
    before, now = (
        {k: v for part in ("config", "data") for k, v in flatten({part: r.get(part, {})}).items()}
        for r in (known, asked)
    )
    changed = [name for name in before | now if before.get(name) != now.get(name)]
    other = [name for name in changed if name not in grows or not _holds(now.get(name), before.get(name))]
    if other:
        first = other[0]
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        may = " It can grow in this, and not shrink." if first in grows else ""
        raise ExperimentError(
            f"--workdir={path} holds another study: "
            f"{first} is {before.get(first)!r} there and {now.get(first)!r} here{more}.\n"
            f"Nothing was changed; choose another folder.{may}"
        )
    return bool(changed)


def _holds(now: Any, before: Any) -> bool:
    """Tells whether a value of a config holds an earlier one: a number that is not smaller, a list with all of it.

    >>> _holds("rnn,lstm,gru", "lstm,rnn"), _holds([10, 20], [20]), _holds(3, 4)
    (True, True, False)
    """
    if isinstance(now, str) and isinstance(before, str):
        now, before = naming.split(now), naming.split(before)
    if isinstance(now, list | tuple) and isinstance(before, list | tuple):
        return all(item in now for item in before)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (now, before))
    return numbers and now >= before


def _circumstances() -> dict[str, Any]:
    """Returns what else may bear on the numbers: versions, machine, command and time."""
    packages = ("recurrax", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "matplotlib")
    return {
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        "machine": {"platform": platform.platform(), "device": jax.devices()[0].device_kind, "cores": os.cpu_count()},
        "command": command(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
