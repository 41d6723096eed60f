import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from experiments.common import cli
from experiments.remedies import study as remedies
from experiments.remedies.__main__ import OPTIONS
from experiments.remedies.config import Comparison

SMALL = (
    "--config.cells=rnn,gru", "--config.tasks=adding", "--config.lengths=24", "--config.seeds=1",
    "--config.remedies=none,bound_candidate()", "--config.gradient_norms_batch=2", "--config.train.hidden_sizes=3",
    "--config.train.batch=2", "--config.train.steps=4", "--config.train.log_every=2", "--config.train.eval_every=2",
    "--config.train.eval_batches=1", "--config.train.learning_rates=0.01,0.1",
    "--config.tuning.seeds=1", "--config.tuning.steps=2",
)  # fmt: skip


def run(workdir, *arguments):
    argv = ["remedies.py", f"--workdir={workdir}", *SMALL, *arguments]
    return cli.exit_status(
        remedies.main, argv, description="", default_config="configs/remedies.py", schema=Comparison,
        options=OPTIONS,
    )  # fmt: skip


@pytest.mark.slow
def test_a_comparison_goes_on_where_it_stopped_and_one_failure_does_not_stop_the_rest(tmp_path, capsys):
    assert run(tmp_path / "study") == 0
    table = list(csv.DictReader((tmp_path / "study" / "results.csv").read_text().splitlines()))
    assert {row["ended"] for row in table} <= {"solved", "not solved"}
    assert [row["purpose"] for row in table].count("report") == 3 and len(table) == 9
    html = (tmp_path / "study" / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 3 and "do not apply: bound_candidate()" in html
    # A run that is gone is done again, and it alone; one that cannot be done is told.
    folders = sorted((tmp_path / "study" / "trainings").iterdir())
    assert len(folders) == 9
    (tmp_path / "study" / "done.json").unlink()
    (folders[0] / "done.json").unlink()
    (folders[0] / "config.json").write_text("{")
    capsys.readouterr()
    assert run(tmp_path / "study") == 1
    err = capsys.readouterr().err
    assert "trainings: 2 of 3 were done before" in err and "1 of 9 trainings failed" in err and "config.json" in err
    assert not (tmp_path / "study" / "done.json").exists()


FILES = ("results.csv", "summary.csv", "effects.csv", "report.html", "findings.txt")


@pytest.mark.slow
def test_a_comparison_that_was_cut_short_has_the_same_bytes_in_the_end_and_one_that_grows_does_nothing_again(
    tmp_path, capsys
):
    folder, apart = tmp_path / "study", "--config.together=False"
    assert run(folder, apart) == 0
    before = {name: (folder / name).read_bytes() for name in FILES}
    # As a kill leaves it: no report, and one training that had not begun.
    for name in (*FILES, "done.json"):
        (folder / name).unlink()
    gone = next(path for path in sorted((folder / "trainings").iterdir()) if path.name.startswith("report"))
    shutil.rmtree(gone)
    assert run(folder, apart) == 0
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    times = {path: path.stat().st_mtime_ns for path in (folder / "trainings").glob("*/metrics.jsonl")}
    capsys.readouterr()
    assert run(folder, apart, "--config.seeds=2", "--config.remedies=none,bound_candidate(),clip_norm(1.0)") == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert sum(row["purpose"] == "report" for row in rows) == 2 * 5
    assert "3 of 10 were done before" in capsys.readouterr().err
    # A smaller one is refused.
    assert run(folder, apart) == 2


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.remedies=clip_nrom(1.0)", "config.remedies"),
        ("--config.remedies=none,none", "none of them twice"),
        ("--config.cells=lstmm", "config.cells"),
        ("--config.tasks=addin", "config.tasks"),
        ("--config.train.optimizer=adan", "config.train.optimizer"),
        ("--config.cells=conv_lstm", "config.cells is wrong: ConvLSTM("),
        ("--config.cells=tests.experiments.cells:WithoutCarry", "cannot run: RuntimeError: no carry"),
        ("--config.train.learning_rates=1e-50", "config.train.learning_rates must be 0, or at least 1.18e-38"),
        ("--config.seeds=0", "config.seeds must be at least 1"),
    ],
)
def test_bad_input_ends_in_three_lines_and_writes_nothing(tmp_path, capsys, argument, message):
    assert run(tmp_path / "w", argument) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--launcher=slurm",), "--launcher=slurm"),
        (("--launcher=cloud",), "--launcher"),
        (("--slurm=timeout_min",), "--slurm=timeout_min must be like"),
        (("--slurm=timeout_min=a",), "--slurm=timeout_min=a must be like"),
        (("--slurm=timeout_min='a'",), "--slurm: timeout_min must be a number above 0, got 'a'"),
        (("--slurm=timeout_min=1,timeout_min=2",), "must be like"),
        (("--slurm=**{'timeout_min': 3}",), "must be like"),
        (("--slurm=partition=gpu",), "--slurm=partition=gpu must be like"),
    ],
)
def test_a_wrong_launcher_is_named(tmp_path, capsys, arguments, message):
    assert run(tmp_path / "w", *arguments) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3


@pytest.mark.slow
def test_ctrl_c_ends_the_trainings_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "experiments.remedies", f"--workdir={tmp_path}/w", *SMALL]
    command.append("--config.train.steps=100000000")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "w").glob("trainings/*/config.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on where it stopped" in err
    folders = [re.escape(str(path)) for path in (tmp_path / "w" / "trainings").iterdir()]
    assert folders and subprocess.run(["pgrep", "-f", "|".join(folders)], capture_output=True).returncode == 1
    assert json.loads((tmp_path / "w" / "config.json").read_text())["config"]["seeds"] == 1
