"""A small training, in this process or in one of its own, and what it left."""

import functools
import json
import os
import subprocess
import sys
import time

import numpy as np

from experiments.common import cli
from experiments.train import study
from experiments.training.config import Training
from experiments.training.trainer import Trainer

SMALL = (
    "--config.cells=gru", "--config.hidden_size=4", "--config.tasks=adding(24)", "--config.batch=4", "--config.steps=60",
    "--config.log_every=5", "--config.eval_every=10", "--config.eval_batches=2", "--config.save_every=10",
    "--config.gradient_norms.every=20", "--config.gradient_norms.batch=2",
    "--config.remedies=zone_out(0.1)+clip_norm_on_schedule(1.0, 0.1, steps=40)+gradient_noise(0.001)",
)  # fmt: skip
"""With noise in the forward pass and on the gradient, and a schedule: all that a checkpoint has to keep."""

trainer_of = functools.cache(Trainer)
"""In the place of `Trainer`, which holds compiled programs and no state: the same config compiles once in a process."""


def run(workdir, *arguments):
    argv = ["train.py", f"--workdir={workdir}", *SMALL, *arguments]
    return cli.exit_status(study.main, argv, description="", default_config="configs/train.py", schema=Training)


def process(workdir, *arguments, code=("-m", "experiments.train"), compiled=None):
    """Starts a training in a process of its own.

    Args:
      workdir: of the training.
      *arguments: beside the small ones.
      code: what Python runs.
      compiled: a folder where processes share compiled programs.
    """
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    if compiled:
        environment |= {"JAX_COMPILATION_CACHE_DIR": str(compiled), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    command = [sys.executable, *code, f"--workdir={workdir}", *SMALL, *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)


def wait_for(child, pattern, folder, timeout=120):
    """Waits until a process has made a file."""
    deadline = time.monotonic() + timeout
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline and child.poll() is None, child.communicate()
        time.sleep(0.02)


def rows(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def parameters(workdir):
    """Returns the step of the last checkpoint, and what it says about its arrays: shapes, and a hash of all bits."""
    steps = sorted(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    return steps[-1], (workdir / "checkpoints" / str(steps[-1]) / "manifest" / "metadata").read_text()


def is_as_if_left_alone(workdir, finished):
    assert (workdir / "metrics.jsonl").read_bytes() == (finished / "metrics.jsonl").read_bytes()
    assert parameters(workdir) == parameters(finished)
    for part in (finished / "parts").iterdir():
        with np.load(part) as expected, np.load(workdir / "parts" / part.name) as got:
            np.testing.assert_array_equal(got["log_norms"], expected["log_norms"])
