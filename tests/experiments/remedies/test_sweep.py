import signal
import threading
import time

import pytest

from experiments.common.stopping import Stopping, Terminated, stopping
from experiments.remedies.sweep import Job, sweep


def _job(folder, n, *arguments):
    return Job("tests.experiments.remedies.ending", arguments, folder / f"{n}.log")


def _run(jobs, processes, folder):
    return sweep(jobs, processes, "jobs", Stopping(), programs=folder / "programs")


def test_jobs_run_side_by_side_and_one_that_fails_does_not_stop_the_rest(tmp_path):
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    # Each of the first two waits for the other.
    jobs = [_job(tmp_path, 0, "", "meet", a, b), _job(tmp_path, 1, "", "meet", b, a), _job(tmp_path, 2, "no", "3")]
    jobs += [_job(tmp_path, 3, "", "raise"), _job(tmp_path, 4, "", "die"), _job(tmp_path, 5, "yes", "0")]
    assert _run(jobs, 2, tmp_path) == [0, 0, 3, 1, 9, 0]
    assert (tmp_path / "2.log").read_text() == "no\n" and (tmp_path / "5.log").read_text() == "yes\n"
    assert (tmp_path / "3.log").read_text().endswith("ValueError: no\n")
    assert not (tmp_path / "programs").exists()


def test_a_process_on_one_core_takes_job_after_job(tmp_path):
    assert _run([_job(tmp_path, n, "", "cores") for n in range(3)], 1, tmp_path) == [0, 0, 0]
    lines = {(tmp_path / f"{n}.log").read_text().split()[0] for n in range(3)}
    processes = {(tmp_path / f"{n}.log").read_text().split()[1] for n in range(3)}
    assert lines == {"1"} and len(processes) == 1


def test_sigterm_ends_the_jobs_in_order(tmp_path):
    def ask():
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        signal.raise_signal(signal.SIGTERM)

    with stopping() as stop:
        threading.Thread(target=ask).start()
        with pytest.raises(Terminated):
            job = _job(tmp_path, 0, "", "sleep", str(tmp_path / "began"))
            sweep([job], 1, "jobs", stop, programs=tmp_path / "programs")
    assert (tmp_path / "0.log").read_text() == "\n"
