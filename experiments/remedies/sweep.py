"""Runs many experiments, in processes on a core each, that take one after the other; one that fails stops no other."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.common.progress import Meter
from experiments.common.stopping import Stopping

PATIENCE = 6.0
"""Seconds that processes have to leave when the sweep is broken off; a training takes five at most."""
AT_MOST = 25
"""Jobs of a process: compiled programs stay in its memory, and the system maps so many pieces of it only."""


class Job(NamedTuple):
    """One experiment of a sweep: `python -m module arguments`."""

    module: str
    arguments: Sequence[str]
    log: Path
    """Where what it prints goes."""

    @property
    def command(self) -> list[str]:
        """What runs it in a process of its own."""
        return [sys.executable, "-m", self.module, *self.arguments]


def cores() -> list[int]:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def sweep(jobs: Sequence[Job], processes: int, description: str, stop: Stopping, *, programs: Path) -> list[int]:
    """Runs jobs, `processes` at a time, and returns their exit statuses.

    Every process is kept to one core: to share a small product among cores costs more than it gains. What one compiled
    the others find: many differ in the learning rate alone, and compiling takes longer than a short training.
    Ctrl-C, SIGTERM and SIGHUP end the processes in order, and leave what they saved.

    Args:
      jobs: what to run.
      processes: at a time.
      description: for the progress.
      stop: tells when to end.
      programs: folder for what is compiled; it is there as long as the sweep.

    Raises:
      Terminated: SIGTERM or SIGHUP came.
    """
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(programs.resolve()),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        **os.environ,
    }
    # A sweep that was killed may have left some, of another machine or another version.
    shutil.rmtree(programs, ignore_errors=True)
    statuses = [0] * len(jobs)
    waiting, places = deque(range(len(jobs))), deque(cores()[n % len(cores())] for n in range(processes))
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    try:
        with Meter(description, len(jobs), "trainings") as meter:
            while waiting or busy:
                stop.leave_if_asked()
                while waiting and (idle or places):
                    worker = idle.pop() if idle else _Worker(places.popleft(), environment)
                    busy.append(worker)
                    worker.begin(number := waiting.popleft(), jobs[number])
                for worker in [worker for worker in busy if worker.is_through()]:
                    statuses[worker.number] = worker.status()
                    busy.remove(worker)
                    if worker.is_fit:
                        idle.append(worker)
                    else:
                        places.append(worker.core)
                meter.update(len(jobs) - len(waiting) - len(busy))
                time.sleep(0.05)
    finally:
        _end([worker.process for worker in (*busy, *idle)])
        shutil.rmtree(programs, ignore_errors=True)
    return statuses


class _Worker:
    """A process that runs jobs one after the other.

    Attributes:
      core: that it is kept to.
      process: the process.
      number: of the job that it has.
      is_fit: whether it takes another one.
    """

    def __init__(self, core: int, environment: Mapping[str, str]):
        self.core, self.number, self.is_fit, self._begun = core, -1, True, 0
        # In a session of its own: Ctrl-C reaches this process alone, which ends the others.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.remedies.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, env=environment,
        )  # fmt: skip
        with contextlib.suppress(ProcessLookupError, AttributeError):  # it may be over already; macOS has no such call
            os.sched_setaffinity(self.process.pid, {core})

    def begin(self, number: int, job: Job) -> None:
        """Gives it a job."""
        self.number, self._begun = number, self._begun + 1
        assert self.process.stdin is not None
        line = json.dumps({"module": job.module, "arguments": list(job.arguments), "log": str(job.log)})
        with contextlib.suppress(BrokenPipeError):  # it is over, which its status tells
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def is_through(self) -> bool:
        """Tells whether the job, or the process with it, is over."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def status(self) -> int:
        """Returns the exit status of the job that is over."""
        assert self.process.stdin is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        self.is_fit = bool(line) and self._begun < AT_MOST
        if not self.is_fit:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            self.process.stdout.close()
            ended = self.process.wait()
            return int(line) if line else ended or 1
        return int(line)


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # pyright: ignore[reportOptionalMemberAccess]
