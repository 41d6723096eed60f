"""Progress: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 5.0
"""Seconds between plain lines."""


class Meter:
    """Shows how far a task has come, what it does, how fast it goes and how long it will take; a context manager.

    >>> with Meter("reading", total=2, unit="files", stream=io.StringIO()) as meter:
    ...     meter.update(1)
    """

    def __init__(self, description: str, total: int, unit: str, stream: TextIO | None = None, *, start: int = 0):
        self._description, self._total, self._unit = description, total, unit
        self._stream = sys.stderr if stream is None else stream
        self._begin = self._last = time.monotonic()
        self._done, self._told = start, False
        self._first: int | None = None
        self._first_time = self._begin
        self._bar: Progress | None = None
        if self._stream.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}{task.fields[doing]}"),
            )
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(file=self._stream), transient=True)
            self._task = self._bar.add_task(description, total=total, rate="", doing="")

    def __enter__(self) -> "Meter":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_) -> None:
        if self._bar:
            with contextlib.suppress(OSError):
                self._bar.stop()
        seconds = time.monotonic() - self._begin
        if error is None:
            of = f" of {self._total}" if self._done < self._total else ""
            say(f"{self._description}: {self._done}{of} {self._unit} in {seconds:.1f} s", self._stream)

    def update(self, done: int) -> None:
        """Tells how many units are done by now; what was done between, measuring for one, counts in the time left."""
        if self._first is None and done > self._done:
            # The first stretch holds the compilation, which says nothing about those to come.
            self._first, self._first_time = done, time.monotonic()
        self._done = done
        self._show("")

    def doing(self, what: str) -> None:
        """Tells what is done now beside the units, e.g. compiling."""
        self._show(what)

    def _show(self, what: str) -> None:
        now, done = time.monotonic(), self._done
        rate = 0.0 if self._first is None else (done - self._first) / max(now - self._first_time, 1e-9)
        text = f"{rate:.0f} {self._unit}/s" if rate >= 1 else f"{1 / rate:.1f} s each" if rate > 0 else ""
        now_doing = f", {what}" if what else ""
        if self._bar:
            self._bar.update(self._task, completed=done, rate=text, doing=now_doing)
        elif now - self._last >= EVERY or (what and self._first is None and not self._told):
            self._last, self._told = now, bool(what)
            left = f", {text}, {_duration((self._total - done) / rate)} left" if text else ""
            say(f"{self._description}: {done}/{self._total} {self._unit}{now_doing}{left}", self._stream)


def _duration(seconds: float) -> str:
    """Writes a time.

    >>> _duration(42.4), _duration(600), _duration(7200)
    ('42 s', '10 min', '2.0 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def say(message: str, stream: TextIO | None = None) -> None:
    """Prints a line about what goes on, on stderr where nothing else is given; results go elsewhere.

    Where nobody listens any more, the terminal being closed for one, the work goes on in silence.
    """
    with contextlib.suppress(OSError):
        print(message, file=stream or sys.stderr, flush=True)
