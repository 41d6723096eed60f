"""What may befall a training: it is killed, asked to leave, its disk is full, its gradient not finite."""

import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from experiments.common.cli import INTERRUPTED
from experiments.common.stopping import HUNG_UP, TERMINATED
from tests.experiments.train.running import (
    is_as_if_left_alone,
    parameters,
    process,
    rows,
    run,
    wait_for,
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


def ends_as_if_left_alone(workdir, finished, compiled):
    child = process(workdir, compiled=compiled)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors
    is_as_if_left_alone(workdir, finished)


def test_killed_while_it_trains_it_ends_with_the_same_bits(finished, tmp_path, compiled):
    child = process(tmp_path / "run", compiled=compiled)
    wait_for(child, "checkpoints/20", tmp_path / "run")
    time.sleep(random.Random(1).uniform(0.0, 0.1))
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    ends_as_if_left_alone(tmp_path / "run", finished, compiled)


@pytest.mark.slow
@pytest.mark.parametrize(("by", "times"), [(signal.SIGKILL, 20), (signal.SIGTERM, 2)])
def test_ended_at_random_moments_it_ends_with_the_same_bits(finished, tmp_path, by, times):
    moments = random.Random(times)
    for _ in range(times):
        child = process(tmp_path / "run")
        try:
            child.wait(moments.uniform(1.5, 9.0))
        except subprocess.TimeoutExpired:
            child.send_signal(by)
            child.wait(20)
        child.communicate()
    ends_as_if_left_alone(tmp_path / "run", finished, None)


@pytest.mark.parametrize("moment", ["compiling", "training"])
def test_sigterm_leaves_a_checkpoint_and_ends_within_five_seconds(tmp_path, compiled, moment):
    workdir = tmp_path / "run"
    child = process(workdir, "--config.steps=1000000", compiled=compiled if moment == "training" else None)
    # The checkpoint of step 0 is written before the training step is compiled.
    wait_for(child, "checkpoints/0" if moment == "compiling" else "checkpoints/[1-9]*", workdir)
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
from experiments.common import cli
from experiments.train import study
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
cli.run(study.main, description="", default_config="configs/train.py", schema=Training)
"""
"""A training whose third evaluation, or save, takes long and says when it begins."""


@pytest.mark.usefixtures("hangs_up")
@pytest.mark.parametrize(
    ("moment", "sent", "status"), [("evaluation", signal.SIGTERM, TERMINATED), ("save", signal.SIGHUP, HUNG_UP)]
)
def test_a_signal_in_an_evaluation_or_save_leaves_a_checkpoint_as_well(tmp_path, compiled, moment, sent, status):
    workdir, began = tmp_path / "run", tmp_path / "began"
    child = process(workdir, "--config.steps=1000000", code=("-c", SLOWED, moment, str(began)), compiled=compiled)
    wait_for(child, "began", tmp_path)
    if sent == signal.SIGHUP:  # and nobody listens any more
        child.stderr.close()
        child.stdout.close()
    begin = time.monotonic()
    child.send_signal(sent)
    child.wait(timeout=30)
    took = time.monotonic() - begin
    child.stderr.close()
    child.stdout.close()
    assert took < 5 and child.returncode == status
    step, _ = parameters(workdir)
    assert step == 20
    assert rows(workdir)[-1]["step"] == (15 if moment == "evaluation" else 20)


def test_a_full_disk_is_named_and_costs_nothing(finished, tmp_path):
    """A limit to the size of files, which the metrics are the first to reach."""
    workdir = tmp_path / "run"
    code = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY)); "
    code += "runpy.run_module('experiments.train', run_name='__main__')"
    full = process(workdir, code=("-c", code))
    _, errors = full.communicate(timeout=300)
    assert full.returncode == 2, errors
    assert "File too large" in errors and "Traceback" not in errors
    assert run(workdir) == 0
    is_as_if_left_alone(workdir, finished)


def test_a_second_process_on_one_workdir_is_refused_and_disturbs_nothing(tmp_path, compiled, capsys):
    workdir = tmp_path / "run"
    child = process(workdir, "--config.steps=1000000", compiled=compiled)
    wait_for(child, "checkpoints/[1-9]*", workdir)
    assert run(workdir, "--config.steps=1000000") == 2
    assert "is in use by another process" in capsys.readouterr().err
    before = rows(workdir)[-1]["step"]
    wait_for(child, f"checkpoints/{before + 50 - before % 10}", workdir)
    # And Ctrl-C leaves a checkpoint, as SIGTERM does.
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == INTERRUPTED and "goes on where it stopped" in errors and "Traceback" not in errors
    steps = [row["step"] for row in rows(workdir)]
    assert steps == list(range(0, 5 * len(steps), 5))
    # The last state may be that of the next line, which a run that goes on writes first.
    assert steps[-1] <= parameters(workdir)[0] <= steps[-1] + 5


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


def unfinished(finished, workdir):
    shutil.copytree(finished, workdir)
    (workdir / "done.json").unlink()
    return workdir / "metrics.jsonl"


@pytest.mark.parametrize(("lines", "where"), [(10, "that of step 40"), (3, "the beginning")])
def test_where_metrics_were_cut_it_goes_back_to_the_checkpoint_that_they_cover(
    finished, tmp_path, capsys, lines, where
):
    """A report was made of 11 of 31 lines."""
    metrics = unfinished(finished, tmp_path / "run")
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:lines]))
    assert run(tmp_path / "run") == 0
    errors = capsys.readouterr().err
    assert errors.count("warning:") == 1 and f"lacks lines of step {lines * 5}," in errors and where in errors
    is_as_if_left_alone(tmp_path / "run", finished)


@pytest.mark.parametrize("line", ['{"seed": 0, "loss": 1.0}', "\0\0\0", '{"step": 5, "seed": 3}'])
def test_a_line_of_metrics_that_is_none_is_named_and_costs_nothing(finished, tmp_path, capsys, line):
    metrics = unfinished(finished, tmp_path / "run")
    before = metrics.read_text().splitlines()
    metrics.write_text("\n".join([*before[:4], line, *before[4:], ""]))
    content = metrics.read_bytes()
    assert run(tmp_path / "run") == 2
    errors = capsys.readouterr().err
    assert "metrics.jsonl, line 5: it " in errors and len(errors.splitlines()) <= 3
    assert metrics.read_bytes() == content
    # As it says: without the line and those after it the same command goes on.
    metrics.write_text("\n".join([*before[:4], ""]))
    assert run(tmp_path / "run") == 0
    is_as_if_left_alone(tmp_path / "run", finished)


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


def test_a_training_compiles_its_step_once(times_traced):
    assert 1 <= times_traced <= 2  # a loop's body is traced once, and once more where types settle
