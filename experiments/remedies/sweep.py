"""Runs many experiments, each in a process of its own on a core of its own; one that fails does not stop the rest."""

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.common.progress import Meter
from experiments.common.stopping import Stopping

PATIENCE = 6.0
"""Seconds that processes have to leave when the sweep is broken off; a training takes five at most."""


class Job(NamedTuple):
    """One experiment of a sweep."""

    command: Sequence[str]
    log: Path
    """Where what it prints goes."""


def cores() -> list[int]:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def sweep(jobs: Sequence[Job], processes: int, description: str, stop: Stopping) -> list[int]:
    """Runs jobs, `processes` at a time, and returns their exit statuses.

    Every process is kept to one core: to share a small product among cores costs more than it gains.
    Ctrl-C, SIGTERM and SIGHUP end the processes in order, and leave what they saved.

    Raises:
      Terminated: SIGTERM or SIGHUP came.
    """
    statuses = [0] * len(jobs)
    waiting, places = deque(range(len(jobs))), deque(cores()[n % len(cores())] for n in range(processes))
    running: dict[int, tuple[subprocess.Popen, int]] = {}
    try:
        with Meter(description, len(jobs), "trainings") as meter:
            while waiting or running:
                stop.leave_if_asked()
                while waiting and places:
                    number, core = waiting.popleft(), places.popleft()
                    running[number] = (_start(jobs[number], core), core)
                for number, (process, core) in list(running.items()):
                    status = process.poll()
                    if status is not None:
                        statuses[number] = status
                        places.append(core)
                        del running[number]
                meter.update(len(jobs) - len(waiting) - len(running))
                time.sleep(0.05)
    finally:
        _end([process for process, _ in running.values()])
    return statuses


def _start(job: Job, core: int) -> subprocess.Popen:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        # In a session of its own: Ctrl-C reaches this process alone, which ends the others.
        process = subprocess.Popen(
            job.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    with contextlib.suppress(ProcessLookupError, AttributeError):  # it may be over already; macOS has no such call
        os.sched_setaffinity(process.pid, {core})
    return process


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
