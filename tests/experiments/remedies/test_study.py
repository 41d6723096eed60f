import csv
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments.common import cli, slurm
from experiments.common.config import from_config
from experiments.common.rates import Median, Rate
from experiments.common.stopping import Stopping
from experiments.common.sweep import Job, sweep
from experiments.remedies import study as remedies
from experiments.remedies.config import Comparison, Trial
from experiments.remedies.results import Outcome, findings, ranking

SMALL = (
    "--config.cells=rnn,gru", "--config.tasks=adding", "--config.lengths=24", "--config.seeds=1",
    "--config.remedies=none,bound_candidate()", "--config.flow_batch=2", "--config.train.hidden_size=3",
    "--config.train.batch=2", "--config.train.steps=4", "--config.train.log_every=2", "--config.train.eval_every=2",
    "--config.train.eval_batches=1",
)  # fmt: skip


def run(workdir, *arguments):
    argv = ["remedies.py", f"--workdir={workdir}", *SMALL, *arguments]
    return cli.exit_status(
        remedies.main, argv, description="", default_config="configs/remedies.py", schema=Comparison,
        options=remedies.OPTIONS,
    )  # fmt: skip


def comparison(**fields):
    recipe = {"hidden_size": 3, "optimizer": "adam", "learning_rate": 0.01, "batch": 2, "steps": 4, "log_every": 2,
              "eval_every": 2, "eval_batches": 1}  # fmt: skip
    plain = {"cells": "rnn", "tasks": "adding", "lengths": (24,), "remedies": "none,clip_norm(1.0)", "seeds": 3,
             "seed": 0, "together": True, "processes": 1, "flow_batch": 0, "train": recipe}  # fmt: skip
    return from_config(Comparison, plain | fields)


@pytest.mark.slow
def test_a_comparison_goes_on_where_it_stopped_and_one_failure_does_not_stop_the_rest(tmp_path, capsys):
    assert run(tmp_path / "study") == 0
    table = list(csv.DictReader((tmp_path / "study" / "results.csv").read_text().splitlines()))
    assert len(table) == 3 and {row["ended"] for row in table} <= {"solved", "not solved"}
    html = (tmp_path / "study" / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 2 and "do not apply: bound_candidate()" in html
    # A run that is gone is done again, and it alone; one that cannot be done is told.
    folders = sorted((tmp_path / "study" / "runs").iterdir())
    assert len(folders) == 3
    (tmp_path / "study" / "done.json").unlink()
    (folders[0] / "done.json").unlink()
    (folders[0] / "config.json").write_text("{")
    capsys.readouterr()
    assert run(tmp_path / "study") == 0
    err = capsys.readouterr().err
    assert "2 of 3 trainings were done before" in err and "1 trainings failed" in err and "config.json" in err
    assert not (tmp_path / "study" / "done.json").exists()


def test_a_remedy_is_left_out_where_it_does_not_apply():
    trials = comparison(cells="rnn,gru", remedies="none,bound_candidate()", seeds=1).trials()
    assert [(t.cell, t.remedy) for t in trials] == [("rnn", "none"), ("gru", "none"), ("gru", "bound_candidate()")]


def test_seeds_are_trained_side_by_side_where_that_is_asked_for():
    assert [(t.seed, t.seeds) for t in comparison(remedies="none", seed=4).trials()] == [(4, 3)]
    apart = comparison(remedies="none", seed=4, together=False).trials()
    assert [(t.seed, t.seeds) for t in apart] == [(4, 1), (5, 1), (6, 1)]


def test_commas_in_brackets_separate_no_values():
    config = comparison(cells="lstm(forget_bias=1.0, hidden_size=3),rnn", tasks=("delayed_xor(delay=3", " order=1)"))
    assert config.cells == ("lstm(forget_bias=1.0, hidden_size=3)", "rnn")
    assert {t.task for t in config.trials()} == {"delayed_xor(delay=3, order=1)"}
    assert config.training(next(config.trials())).tasks == "delayed_xor(24, delay=3, order=1)"


def outcome(remedy, seed, solved_after, reach=0.0):
    flow = {0: np.array([reach * np.log(10), 0.0])}
    ended = "not solved" if solved_after is None else "solved"
    return Outcome(Trial("rnn", "adding", 4, remedy, 0, 10), seed, solved_after, ended, flow, 1.5)


def test_who_solves_most_comes_first_then_who_is_faster():
    outcomes = [outcome("slow", 0, 40), outcome("slow", 1, 60), outcome("fast", 0, 20), outcome("fast", 1, 20)]
    outcomes += [outcome("none", 0, 10, reach=-3.0), outcome("none", 1, None, reach=-5.0)]
    entries = ranking(outcomes)
    assert [e.remedy for e in entries] == ["fast", "slow", "none"]
    assert [e.steps for e in entries] == [(20, 20, 20), (50, 40, 60), (10, 10, 10)]
    assert entries[2].reach == pytest.approx(-4) and entries[2].rate[:2] == (1, 2)


def test_the_interval_is_wilsons():
    rate = Rate.of_counts(8, 10)
    # Newcombe 1998, the score method: (p + z^2/2n +- z sqrt(p q / n + z^2/4n^2)) / (1 + z^2/n)
    assert (rate.low, rate.high) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


def test_the_interval_of_a_median_is_that_of_order_statistics():
    # Conover's tables: of 10 values the second and the ninth, of 20 the sixth and the fifteenth.
    assert Median.of(range(1, 11)) == (5.5, 2, 9)
    assert Median.of(range(20, 0, -1)) == (10.5, 6, 15)
    assert Median.of([3, 1, 2]) == (2, 1, 3)


def test_a_finding_says_whether_the_intervals_overlap():
    config = comparison(seeds=10)
    few = [outcome("none", n, None) for n in range(10)]
    many = [outcome("clip_norm(1.0)", n, 10) for n in range(10)]
    assert "the intervals do not overlap" in findings(ranking(few + many), few + many, config)[0]
    one = [outcome("clip_norm(1.0)", n, 10 if n == 0 else None) for n in range(10)]
    assert "overlap: more seeds" in findings(ranking(few + one), few + one, config)[0]
    plain = [outcome("none", n, 10) for n in range(10)]
    assert "no remedy solved more" in findings(ranking(plain + one), plain + one, config)[0]
    late = [outcome("none", n, 40) for n in range(10)]
    sentence = findings(ranking(late + many), late + many, config)[0]
    assert "with clip_norm(1.0) as many trainings solved their task as as it is" not in sentence
    assert "and sooner: after 10 (10 to 10) steps in the median, against 40 (40 to 40)" in sentence
    neither = [outcome(remedy, n, None) for remedy in ("none", "clip_norm(1.0)") for n in range(10)]
    assert "as it is 0 of 10" in findings(ranking(neither), neither, config)[0]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--config.remedies=clip_nrom(1.0)", "config.remedies"),
        ("--config.remedies=none,none", "none of them twice"),
        ("--config.cells=lstmm", "config.cells"),
        ("--config.tasks=addin", "config.tasks"),
        ("--config.train.optimizer=adan", "config.train.optimizer"),
        ("--config.seeds=0", "config.seeds must be at least 1"),
    ],
)
def test_bad_input_ends_in_three_lines_and_writes_nothing(tmp_path, capsys, argument, message):
    assert run(tmp_path / "w", argument) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) <= 3
    assert not (tmp_path / "w").exists()


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


def test_slurm_runs_the_same_jobs(tmp_path):
    """On the executor of submitit that starts processes here."""

    def job(n, code):
        return Job([sys.executable, "-c", code], tmp_path / "logs" / f"{n}.log")

    jobs = [job(0, "print('yes')"), job(1, "raise SystemExit(3)"), job(2, "")]
    got = slurm.sweep(jobs, {"timeout_min": 2}, "jobs", Stopping(), folder=tmp_path / "slurm", cluster="local")
    assert got == [0, 3, 0]
    assert (tmp_path / "logs" / "0.log").read_text() == "yes\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--launcher=slurm",), "--launcher=slurm"),
        (("--launcher=cloud",), "--launcher"),
        (("--slurm=timeout_min",), "--slurm=timeout_min must be like"),
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
    while not list((tmp_path / "w").glob("runs/*/config.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on where it stopped" in err
    folders = [re.escape(str(path)) for path in (tmp_path / "w" / "runs").iterdir()]
    assert folders and subprocess.run(["pgrep", "-f", "|".join(folders)], capture_output=True).returncode == 1
    assert json.loads((tmp_path / "w" / "config.json").read_text())["config"]["seeds"] == 1
