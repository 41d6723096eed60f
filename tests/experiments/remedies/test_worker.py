import json
import subprocess
import sys


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
