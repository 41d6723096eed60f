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
    """Shows how far a task has come, how fast it goes and how long it will take; a context manager.

    >>> with Meter("reading", total=2, unit="files", stream=io.StringIO()) as meter:
    ...     meter.update(1)
    """

    def __init__(self, description: str, total: int, unit: str, stream: TextIO | None = None):
        self._description, self._total, self._unit = description, total, unit
        self._stream = sys.stderr if stream is None else stream
        self._begin = self._last = time.monotonic()
        self._done = self._first = 0
        self._bar: Progress | None = None
        if self._stream.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
            )
            self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(file=self._stream), transient=True)
            self._task = self._bar.add_task(description, total=total, rate="")

    def __enter__(self) -> "Meter":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        if self._bar:
            with contextlib.suppress(OSError):
                self._bar.stop()
        seconds = time.monotonic() - self._begin
        if self._done >= self._total:
            say(f"{self._description}: {self._total} {self._unit} in {seconds:.1f} s", self._stream)

    def update(self, done: int) -> None:
        """Tells how many units are done by now."""
        now = time.monotonic()
        if self._first == 0:
            # The first stretch holds the compilation, which says nothing about those to come.
            self._first, self._first_time = done, now
        self._done = done
        rate = (done - self._first) / max(now - self._first_time, 1e-9)
        text = f"{rate:.0f} {self._unit}/s" if rate >= 1 else ""
        if self._bar:
            self._bar.update(self._task, completed=done, rate=text)
        elif now - self._last >= EVERY:
            self._last = now
            left = f", {text}, {(self._total - done) / rate:.0f} s left" if rate > 0 and text else ""
            say(f"{self._description}: {done}/{self._total} {self._unit}{left}", self._stream)


def say(message: str, stream: TextIO | None = None) -> None:
    """Prints a line about what goes on, on stderr where nothing else is given; results go elsewhere.

    Where nobody listens any more, the terminal being closed for one, the work goes on in silence.
    """
    with contextlib.suppress(OSError):
        print(message, file=stream or sys.stderr, flush=True)
