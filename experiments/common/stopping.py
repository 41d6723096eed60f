"""Leaves in order when it is asked to: by SIGTERM, which clusters send before they take a machine away, or Ctrl-C."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator

TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM."""
PATIENCE = 3.5
"""Seconds until a process that is stuck, in the compiler for instance, is ended from outside."""


class Terminated(BaseException):
    """SIGTERM came; a run raises it where it has saved what it has."""


class Stopping:
    """Tells a run that it is to end; made by `stopping`."""

    def __init__(self):
        self._asked = threading.Event()
        self._over = threading.Event()

    @property
    def asked(self) -> bool:
        """Whether SIGTERM has come."""
        return self._asked.is_set()

    def _watch(self, wake: socket.socket) -> None:
        while data := wake.recv(64):
            if signal.SIGTERM in data:
                self._asked.set()
                if not self._over.wait(PATIENCE):
                    # Nothing is half written: files are renamed into place, and checkpoints committed, when whole.
                    os._exit(TERMINATED)
                return


@contextlib.contextmanager
def stopping() -> Iterator[Stopping]:
    """Turns SIGTERM into a flag that a run looks at between steps, and ends a process that does not get to that.

    Python runs signal handlers between bytecodes only, and a compilation is one of them: a thread, woken by the signal
    itself, sees to it that the process is over after `PATIENCE`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stopping()
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    stop = Stopping()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=stop._watch, args=(ours,), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop._over.set()
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGTERM, before)
        theirs.close()
        thread.join(1)
        ours.close()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds Ctrl-C back until the block is over, which an exception in its midst would leave unfit for use.

    A second Ctrl-C comes through at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: object) -> None:
        del frame
        if held:
            raise KeyboardInterrupt
        held.append(number)

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
