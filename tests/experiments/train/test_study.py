import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import jax
import numpy as np
import pytest

from experiments.common import cli
from experiments.common.stopping import TERMINATED
from experiments.train import study as train
from experiments.training.config import Training

SMALL = (
    "--config.cells=gru", "--config.hidden_size=4", "--config.tasks=adding(24)", "--config.batch=4", "--config.steps=60",
    "--config.log_every=5", "--config.eval_every=10", "--config.eval_batches=2", "--config.save_every=10",
    "--config.flow.every=20", "--config.flow.batch=2", "--config.remedies=zone_out(0.1),clip_norm(1.0)",
)  # fmt: skip


def run(workdir, *arguments, small=SMALL):
    argv = ["train.py", f"--workdir={workdir}", *small, *arguments]
    return cli.exit_status(train.main, argv, description="", default_config="configs/train.py", schema=Training)


def process(workdir, *arguments, small=SMALL):
    command = [sys.executable, "-m", "experiments.train", f"--workdir={workdir}", *small, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)


def rows(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def parameters(workdir):
    """Returns what the last checkpoint says about its arrays: shapes, and a hash of all bits."""
    steps = sorted(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    return steps[-1], (workdir / "checkpoints" / str(steps[-1]) / "manifest" / "metadata").read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("training") / "run"
    assert run(workdir) == 0
    return workdir


def test_every_line_that_is_due_is_there_once(finished):
    lines = rows(finished)
    assert [row["step"] for row in lines] == list(range(0, 61, 5))
    assert all(("eval_loss" in row) == (row["step"] % 10 == 0) for row in lines)
    assert all(("flow" in row) == (row["step"] % 20 == 0) for row in lines)
    assert all(np.isfinite(row["loss"]) and row["largest_gradient"] > 0 for row in lines[1:])


def test_the_report_shows_learning_and_gradient_flow(finished):
    html = (finished / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 2
    assert not re.findall(r'(?:src|href)="https?:', html) and "<script" not in html
    assert re.search(r"guessing gives 0\.167", html)
    for name in ("learning", "gradient_flow"):
        assert (finished / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(finished / "figures" / f"{name}.svg")
        assert len((finished / "figures" / f"{name}.csv").read_text().splitlines()) > 5


def test_a_finished_training_is_kept(finished, capsys):
    before = (finished / "report.html").stat().st_mtime_ns
    assert run(finished) == 0
    assert "finished; nothing was done" in capsys.readouterr().err
    assert (finished / "report.html").stat().st_mtime_ns == before


def test_another_config_is_refused(finished, capsys):
    assert run(finished, "--config.seed=1") == 2
    assert "holds another study" in capsys.readouterr().err


def killed_and_resumed(workdir, moments, *, by=signal.SIGKILL):
    """Runs to the end, killed after each of these many seconds of a life."""
    for moment in moments:
        child = process(workdir)
        try:
            child.wait(moment)
        except subprocess.TimeoutExpired:
            child.send_signal(by)
            child.wait(20)
        child.communicate()
    child = process(workdir)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors


def is_as_if_left_alone(workdir, finished):
    assert (workdir / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()
    assert parameters(workdir) == parameters(finished)
    for part in (finished / "parts").iterdir():
        with np.load(part) as expected, np.load(workdir / "parts" / part.name) as got:
            np.testing.assert_array_equal(got["joint"], expected["joint"])


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_with_the_same_bits(finished, tmp_path, kills):
    moments = [random.Random(kills).uniform(1.5, 9.0) for _ in range(kills)]
    killed_and_resumed(tmp_path / "run", moments)
    is_as_if_left_alone(tmp_path / "run", finished)


def after(child, text, workdir, timeout=60):
    """Waits until a file of the run exists."""
    deadline = time.monotonic() + timeout
    while not list(workdir.glob(text)):
        assert time.monotonic() < deadline and child.poll() is None, child.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize("moment", ["compiling", "training"])
def test_sigterm_leaves_a_checkpoint_and_ends_within_five_seconds(tmp_path, moment):
    workdir = tmp_path / "run"
    arguments = ("--config.steps=1000000",)
    child = process(workdir, *arguments)
    # The checkpoint of step 0 is written before the training step is compiled.
    after(child, "checkpoints/0" if moment == "compiling" else "checkpoints/[1-9]*", workdir)
    begin = time.monotonic()
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    assert child.returncode == TERMINATED, errors
    step, _ = parameters(workdir)
    last = rows(workdir)[-1]["step"]
    assert last <= step < last + 5


SLOWED = """
import pathlib, sys, time
from experiments.train import study as train
from experiments.common import cli
from experiments.training.checkpoints import Checkpoints
from experiments.training.config import Training
from experiments.training.trainer import Trainer

owner, name, began = {"evaluation": (Trainer, "evaluate"), "save": (Checkpoints, "save")}[sys.argv[1]] + (sys.argv[2],)
original, calls = getattr(owner, name), []

def slowed(*args):
    calls.append(1)
    if len(calls) == 3:
        pathlib.Path(began).touch()
        time.sleep(1.5)
    return original(*args)

setattr(owner, name, slowed)
sys.argv = ["train.py", *sys.argv[3:]]
cli.run(train.main, description="", default_config="configs/train.py", schema=Training)
"""
"""A training whose third evaluation, or save, takes long and says when it begins."""


@pytest.mark.parametrize("moment", ["evaluation", "save"])
def test_sigterm_in_an_evaluation_or_save_leaves_a_checkpoint_as_well(tmp_path, moment):
    workdir, began = tmp_path / "run", tmp_path / "began"
    command = [
        sys.executable,
        "-c",
        SLOWED,
        moment,
        str(began),
        f"--workdir={workdir}",
        *SMALL,
        "--config.steps=1000000",
    ]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    after(child, "began", tmp_path)
    begin = time.monotonic()
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=30)
    assert time.monotonic() - begin < 5 and child.returncode == TERMINATED, errors
    step, _ = parameters(workdir)
    assert step == 20
    assert rows(workdir)[-1]["step"] == (15 if moment == "evaluation" else 20)


def test_a_full_disk_is_named_and_costs_nothing(finished, tmp_path):
    """A limit to the size of files, which the metrics are the first to reach."""
    workdir = tmp_path / "run"
    code = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY)); "
    code += "runpy.run_module('experiments.train', run_name='__main__')"
    command = [sys.executable, "-c", code, f"--workdir={workdir}", *SMALL, "--config.save_every=10"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    full = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert full.returncode == 2, full.stderr
    assert "File too large" in full.stderr and "Traceback" not in full.stderr
    assert run(workdir) == 0
    is_as_if_left_alone(workdir, finished)


def test_a_workdir_that_cannot_be_written_is_named(capsys):
    assert run("/proc/recurrax") == 2
    errors = capsys.readouterr().err
    assert "--workdir=/proc/recurrax cannot be written" in errors and len(errors.splitlines()) <= 3


def test_a_second_process_on_one_workdir_is_refused_and_disturbs_nothing(tmp_path, capsys):
    workdir = tmp_path / "run"
    child = process(workdir, "--config.steps=1000000")
    after(child, "checkpoints/[1-9]*", workdir)
    assert run(workdir, "--config.steps=1000000") == 2
    assert "is in use by another process" in capsys.readouterr().err
    before = rows(workdir)[-1]["step"]
    after(child, f"checkpoints/{before + 50 - before % 10}", workdir)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == TERMINATED
    steps = [row["step"] for row in rows(workdir)]
    assert steps == list(range(0, 5 * len(steps), 5))


@pytest.mark.slow
def test_a_run_that_was_terminated_ends_with_the_same_bits(finished, tmp_path):
    killed_and_resumed(tmp_path / "run", [3.0, 5.0], by=signal.SIGTERM)
    is_as_if_left_alone(tmp_path / "run", finished)


def test_a_gradient_that_is_not_finite_ends_the_training_and_is_named(tmp_path, capsys):
    arguments = ("--config.cells=rnn(activation='relu')", "--config.remedies=gaussian_start(30.0)", "--config.optimizer=sgd",
                 "--config.learning_rate=10.0")  # fmt: skip
    assert run(tmp_path / "run", *arguments) == 3
    message = capsys.readouterr().err
    named = re.search(r"error: The loss or its gradient became NaN or inf in training step (\d+)\.", message)
    assert named and message.count("\n") < 12
    lines = rows(tmp_path / "run")
    assert lines[-1] == {"step": int(named[1]), "seed": 0, "diverged": True}
    assert parameters(tmp_path / "run")[0] <= int(named[1]) - 1
    # And again, from the last good checkpoint.
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    assert run(tmp_path / "run", *arguments) == 3
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before


def test_it_stops_where_the_task_is_solved(tmp_path):
    arguments = ("--config.tasks=delayed_xor(12, delay=1, order=0)", "--config.learning_rate=0.05", "--config.steps=2000",
                 "--config.hidden_size=8", "--config.remedies=", "--config.batch=16")  # fmt: skip
    assert run(tmp_path / "run", *arguments) == 0
    lines = rows(tmp_path / "run")
    assert lines[-1]["eval_error"] < 0.01 and lines[-1]["step"] < 2000
    assert "Solved after" in (tmp_path / "run" / "report.html").read_text()


@pytest.fixture(scope="module")
def three_seeds(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("training") / "run"
    assert run(workdir, "--config.seeds=3", "--config.tensorboard=True") == 0
    return workdir


def test_seeds_side_by_side_learn_what_they_learn_alone(finished, three_seeds):
    lines = rows(three_seeds)
    assert [(row["step"], row["seed"]) for row in lines] == [(n, k) for n in range(0, 61, 5) for k in range(3)]
    for alone, beside in zip(rows(finished), [row for row in lines if row["seed"] == 0], strict=True):
        assert beside.keys() == alone.keys()
        assert [v for v in beside.values()] == pytest.approx([v for v in alone.values()], rel=1e-4)
    assert len({row["eval_loss"] for row in lines if row["step"] == 60}) == 3
    assert "seeds, after" in (text := (three_seeds / "report.html").read_text()) or "of 3 (" in text


def test_what_is_written_for_tensorboard_is_what_was_logged(three_seeds):
    from tensorboardX.proto import event_pb2

    written = {}
    for path in (three_seeds / "tensorboard").iterdir():
        data, position = path.read_bytes(), 0
        while position < len(data):
            # Length, its checksum, the event, its checksum: the records of TFRecord files.
            length = int.from_bytes(data[position : position + 8], "little")
            event = event_pb2.Event.FromString(data[position + 12 : position + 12 + length])
            written |= {(event.step, value.tag): value.simple_value for value in event.summary.value}
            position += 16 + length
    for row in rows(three_seeds):
        for name, value in row.items():
            if isinstance(value, float):
                assert written.pop((row["step"], f"seed_{row['seed']}/{name}")) == pytest.approx(value, rel=1e-6)
    assert not written


def test_of_several_seeds_one_that_diverges_stops_alone(tmp_path, capsys):
    # At this rate some seeds come to infinity, and others do not.
    arguments = ("--config.cells=rnn(activation='relu')", "--config.remedies=gaussian_start(1.9)", "--config.optimizer=sgd",
                 "--config.learning_rate=0.001", "--config.seeds=6")  # fmt: skip
    assert run(tmp_path / "run", *arguments) == 0
    errors = capsys.readouterr().err
    lines = rows(tmp_path / "run")
    diverged = {row["seed"]: row["step"] for row in lines if row.get("diverged")}
    assert 0 < len(diverged) < 6
    for seed, step in diverged.items():
        assert f"seed {seed} diverged in step {step}" in errors
        assert max(row["step"] for row in lines if row["seed"] == seed) == step
    done = [row["seed"] for row in lines if row["step"] == 60 and "eval_loss" in row]
    assert sorted(done) == sorted(set(range(6)) - set(diverged))
    assert f"Seed {min(diverged)} diverged in step" in (tmp_path / "run" / "report.html").read_text()


def test_a_damaged_checkpoint_costs_what_came_after_the_one_before(finished, tmp_path, capsys):
    workdir = tmp_path / "run"
    shutil.copytree(finished, workdir)
    (workdir / "done.json").unlink()
    shutil.rmtree(workdir / "checkpoints" / "60" / "state")
    assert run(workdir) == 0
    errors = capsys.readouterr().err
    assert errors.count("warning:") == 1 and "goes on after step 50" in errors
    is_as_if_left_alone(workdir, finished)


def test_without_any_good_checkpoint_nothing_begins_anew(finished, tmp_path, capsys):
    workdir = tmp_path / "run"
    shutil.copytree(finished, workdir)
    (workdir / "done.json").unlink()
    for checkpoint in (workdir / "checkpoints").iterdir():
        shutil.rmtree(checkpoint / "manifest")
    before = (workdir / "metrics.jsonl").read_bytes()
    assert run(workdir) == 2
    assert "none of which can be read" in capsys.readouterr().err
    assert (workdir / "metrics.jsonl").read_bytes() == before


def test_a_training_compiles_its_step_once(tmp_path):
    with jax.log_compiles(False):
        compiled = []
        original = train.Trainer._train_step

        def counted(self, state):
            compiled.append(1)
            return original(self, state)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(train.Trainer, "_train_step", counted)
            assert run(tmp_path / "run") == 0
    assert len(compiled) <= 2  # a loop's body is traced once, and once more where types settle


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config.cells=lstmm",), "config.cells is wrong: unknown cell 'lstmm'"),
        (("--config.remedy=omega",), "config has no such field"),
        (("--config.remedies=forget_bias", "--config.cells=rnn"), "ForgetBias does not fit RNN"),
        (("--config.tasks=sequential_images('/nowhere')",), "path must be an .npz or a folder"),
        (("--config.steps=0",), "config.steps must be at least 1"),
    ],
)
def test_what_is_wrong_ends_in_three_lines_and_status_2(tmp_path, capsys, arguments, message):
    assert run(tmp_path / "run", *arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors and len(errors.splitlines()) <= 3
