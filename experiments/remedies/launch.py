"""How the trainings of a comparison are started, and where each leaves its files."""

import ast
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from experiments.common.config import flatten, to_dict
from experiments.common.errors import ExperimentError
from experiments.common.stopping import stopping
from experiments.remedies import slurm
from experiments.remedies.config import Trial
from experiments.remedies.sweep import Job, cores, sweep
from experiments.training.config import Training

TRAIN = Path(__file__).resolve().parents[2] / "configs" / "train.py"
"""The config that trainings override every field of."""


def launch(
    jobs: Sequence[Job], path: Path, *, launcher: str, parameters: dict[str, Any], processes: int, purpose: str
) -> list[int]:
    """Runs jobs and returns their exit statuses.

    Args:
      jobs: the trainings.
      path: the folder of the comparison.
      launcher: local, for processes here, or slurm.
      parameters: of submitit, as `slurm_parameters` reads them.
      processes: at a time here; 0 for one per core, on an accelerator for one.
      purpose: of the trainings, for the progress.
    """
    if not jobs:
        return []
    with stopping() as stop:
        if launcher == "slurm":
            return slurm.sweep(jobs, parameters, purpose, stop, folder=path / "slurm", cluster="slurm")
        at_once = processes or (len(cores()) if jax.default_backend() == "cpu" else 1)
        return sweep(jobs, at_once, purpose, stop, programs=path / "programs")


_NUMBERS = {"timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node"}
"""Parameters of submitit that are numbers."""


def slurm_parameters(text: str) -> dict[str, Any]:
    """Returns the parameters that `--slurm` lists.

    Raises:
      ExperimentError: it is no list of name=value.
    """
    try:
        match ast.parse(f"f({text})", mode="eval").body:
            case ast.Call(args=[], keywords=keywords) if all(k.arg for k in keywords):
                found = {str(k.arg): ast.literal_eval(k.value) for k in keywords}
                if len(found) < len(keywords):
                    raise ValueError("a name stands there twice")
                for name in found.keys() & _NUMBERS:
                    if type(found[name]) not in (int, float) or not found[name] > 0:
                        raise ExperimentError(f"--slurm: {name} must be a number above 0, got {found[name]!r}.")
                return found
        raise ValueError("it is no list of name=value")
    except (SyntaxError, ValueError) as error:
        raise ExperimentError(
            f"--slurm={text} must be like timeout_min=120,slurm_partition='gpu', with texts in quotes."
        ) from error


def job(training: Training, path: Path, trial: Trial) -> Job:
    """Returns the job that does a training of the comparison in `path`."""
    overrides = [f"--config.{name}={value}" for name, value in flatten(to_dict(training)).items()]
    arguments = [f"--config={TRAIN}", f"--workdir={folder_of(path, trial)}", *overrides]
    return Job("experiments.train", arguments, log_of(path, trial))


def _name(trial: Trial) -> str:
    """Returns a name that does not hold the numbers of seeds and steps, in which a training may grow."""
    purpose = "tuning" if trial.tuning else "report"
    cell, units, task, length, _ = trial.kind
    text = "-".join(map(str, (purpose, cell, units, task, length, *trial.setting, trial.seed)))
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', text)[:80].strip('-')}-{zlib.crc32(text.encode()):08x}"


def folder_of(path: Path, trial: Trial) -> Path:
    """Returns the folder of a training's results."""
    return path / "trainings" / _name(trial)


def log_of(path: Path, trial: Trial) -> Path:
    """Returns the file that what a training prints goes to."""
    return path / "logs" / f"{_name(trial)}.log"


_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b")
"""How the line of a traceback begins that says what happened; others may follow it."""


def last_words(path: Path, trial: Trial) -> str:
    """Returns the error that a training ended with, or its last line, and where that stands."""
    log = log_of(path, trial)
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    errors = [line for line in lines if line.startswith("error: ")]
    errors = errors or [line for line in lines if _EXCEPTION.match(line)]
    return f"{(errors or lines or ['nothing'])[-1]} ({log})"
