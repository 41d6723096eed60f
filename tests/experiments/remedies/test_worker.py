import json
import os
import signal
import subprocess
import sys
import time

import pytest


def test_jobs_come_by_stdin_their_statuses_go_to_stdout_and_what_they_say_to_their_logs(tmp_path):
    jobs = [
        {"module": "tests.experiments.remedies.ending", "arguments": [said, status], "log": str(tmp_path / said)}
        for said, status in (("yes", "0"), ("no", "3"))
    ]
    worker = subprocess.run(
        [sys.executable, "-m", "experiments.remedies.worker"],
        input="".join(json.dumps(job) + "\n" for job in jobs), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert worker.stdout == "0\n3\n" and worker.stderr == ""
    assert (tmp_path / "yes").read_text() == "yes\n" and (tmp_path / "no").read_text() == "no\n"


BEGUN = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-m", "experiments.remedies.worker"], stdin=subprocess.PIPE)
worker.stdin.write(sys.argv[1].encode() + b"\\n")
worker.stdin.flush()
print(worker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_job_ends_with_a_parent_that_was_killed(tmp_path):
    began = tmp_path / "began"
    job = {"module": "tests.experiments.remedies.ending", "arguments": ["", "sleep", str(began)],
           "log": str(tmp_path / "log")}  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", BEGUN, json.dumps(job)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        deadline = time.monotonic() + 20
        while not began.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        parent.kill()
    while _is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert began.exists() and not _is_running(worker)


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:  # one that is over and not waited for
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return os.name == "posix" and not os.path.exists("/proc")
