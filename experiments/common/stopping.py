"""Leaves in order when it is asked to.

By SIGTERM, which clusters send before they take a machine away, SIGHUP, which a terminal sends when it is closed, or
Ctrl-C.
"""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence

TERMINATED, HUNG_UP = 128 + signal.SIGTERM, 128 + signal.SIGHUP
"""Exit statuses after SIGTERM and SIGHUP."""
PATIENCE = 3.5
"""Seconds until a process that is stuck, in the compiler for instance, is ended from outside."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP came; a run raises it where it has saved what it has.

    Attributes:
      status: exit status that it leads to.
    """

    def __init__(self, status: int = TERMINATED):
        super().__init__(status)
        self.status = status


class Stopping:
    """Tells a run that it is to end; made by `stopping`."""

    def __init__(self):
        self._asked = threading.Event()
        self._over = threading.Event()
        self._status = TERMINATED

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked.is_set()

    def leave_if_asked(self) -> None:
        """Raises `Terminated` if a signal has come."""
        if self.asked:
            raise Terminated(self._status)

    def _watch(self, wake: socket.socket, signals: Sequence[int]) -> None:
        while data := wake.recv(64):
            if came := [number for number in signals if number in data]:
                self._status = 128 + came[0]
                self._asked.set()
                if not self._over.wait(PATIENCE):
                    # Nothing is half written: files are renamed into place, and checkpoints committed, when whole.
                    os._exit(self._status)
                return


@contextlib.contextmanager
def stopping() -> Iterator[Stopping]:
    """Turns SIGTERM and SIGHUP into a flag that a run looks at between steps, and ends a process that never does.

    One that is ignored, as SIGHUP is under `nohup`, stays ignored.

    Python runs signal handlers between bytecodes only, and a compilation is one of them: a thread, woken by the signal
    itself, sees to it that the process is over after `PATIENCE`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Stopping()
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    stop = Stopping()
    signals = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: None) for number in signals}
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=stop._watch, args=(ours, signals), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop._over.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
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
