import signal
import sys
import threading
import time

import pytest

from experiments.common.stopping import Stopping, Terminated, stopping
from experiments.remedies.sweep import Job, sweep


def test_jobs_run_side_by_side_and_one_that_fails_does_not_stop_the_rest(tmp_path):
    def job(n, code):
        return Job([sys.executable, "-c", code], tmp_path / f"{n}.log")

    # Each of the first two waits for the other.
    wait = "import pathlib, time; pathlib.Path({!r}).touch()\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)"
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    jobs = [job(0, wait.format(a, b)), job(1, wait.format(b, a)), job(2, "print('no'); raise SystemExit(3)")]
    jobs.append(job(3, "import os; print(len(os.sched_getaffinity(0)))"))
    assert sweep(jobs, 2, "jobs", Stopping()) == [0, 0, 3, 0]
    assert (tmp_path / "2.log").read_text() == "no\n"


def test_sigterm_ends_the_jobs_in_order(tmp_path):
    code = "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
    code += f"pathlib.Path({str(tmp_path / 'began')!r}).touch(); time.sleep(60); print('late')"

    def ask():
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        signal.raise_signal(signal.SIGTERM)

    with stopping() as stop:
        threading.Thread(target=ask).start()
        with pytest.raises(Terminated):
            sweep([Job([sys.executable, "-c", code], tmp_path / "log")], 1, "jobs", stop)
    assert (tmp_path / "log").read_text() == ""
