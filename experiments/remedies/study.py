"""Compares remedies against vanishing and exploding gradients: cells x tasks x lengths x remedies x seeds.

Claim:    see the header of the config.
Command:  python -m experiments.remedies --config=configs/remedies.py --workdir=runs/remedies
Every training is an `experiments.train` of its own, in `runs/` of the folder; one that fails does not stop the rest.
          The same command again runs what is missing only. With --launcher=slurm they are jobs of a Slurm cluster.
"""

import ast
import os
import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from experiments.common import cli, slurm
from experiments.common.config import flatten, from_config, to_dict
from experiments.common.errors import ExperimentError
from experiments.common.progress import say
from experiments.common.report import Table, write_report
from experiments.common.stopping import stopping
from experiments.common.sweep import Job, cores, sweep
from experiments.common.workdir import Workdir
from experiments.remedies.config import Comparison, Trial
from experiments.remedies.results import Entry, Outcome, findings, outcomes_of, over, ranking
from experiments.training.config import Training

TRAIN = Path(__file__).resolve().parents[2] / "configs" / "train.py"
"""The config that trainings override every field of."""


OPTIONS = (
    cli.Option("launcher", "local", ("local", "slurm"), "where the trainings run: processes here, or jobs of Slurm"),
    cli.Option("slurm", "", None, "parameters of submitit, e.g. --slurm=timeout_min=120,slurm_partition='gpu'"),
)


def main(config_dict: Any, path: Path, launcher: str = "local", **options: str) -> None:
    """Runs the trainings that are missing and writes the report to `path`."""
    # Several processes share an accelerator: none may take all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    config = from_config(Comparison, config_dict)
    parameters = _parameters(options.get("slurm", ""))
    with Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.nothing_to_do("comparison"):
            return
        trainings = {trial: config.training(trial) for trial in config.trials()}
        missing = [trial for trial, training in trainings.items() if not over(training, _folder(path, trial))]
        if len(missing) < len(trainings):
            say(f"{len(trainings) - len(missing)} of {len(trainings)} trainings were done before")
        jobs = [_job(trainings[trial], path, trial) for trial in missing]
        statuses = dict(zip(missing, _run(jobs, config, path, launcher, parameters), strict=True))
        outcomes = [
            outcome
            for trial, training in trainings.items()
            for outcome in outcomes_of(trial, training, _folder(path, trial), statuses.get(trial, 0))
        ]
        failed = list(dict.fromkeys(o.trial for o in outcomes if o.ended == "failed"))
        if failed:
            say(f"warning: {len(failed)} trainings failed, the first one said: {_log(path, failed[0])}")
        _report(workdir, config, outcomes)
        # Trainings that failed are tried again by the same command.
        if not failed:
            workdir.finish()
        say(f"Report: {path / 'report.html'}")


def _run(
    jobs: Sequence[Job], config: Comparison, path: Path, launcher: str, parameters: dict[str, Any]
) -> Sequence[int]:
    with stopping() as stop:
        if launcher == "slurm":
            return slurm.sweep(jobs, parameters, "trainings", stop, folder=path / "slurm", cluster="slurm")
        at_once = config.processes or (len(cores()) if jax.default_backend() == "cpu" else 1)
        return sweep(jobs, at_once, "trainings", stop)


def _parameters(text: str) -> dict[str, Any]:
    """Returns the parameters that `--slurm` lists.

    Raises:
      ExperimentError: it is no list of name=value.
    """
    try:
        match ast.parse(f"f({text})", mode="eval").body:
            case ast.Call(args=[], keywords=keywords):
                return {str(k.arg): ast.literal_eval(k.value) for k in keywords}
        raise ValueError("it is no list of name=value")
    except (SyntaxError, ValueError) as error:
        raise ExperimentError(
            f"--slurm={text} must be like timeout_min=120,slurm_partition='gpu', with texts in quotes."
        ) from error


def _report(workdir: Workdir, config: Comparison, outcomes: Sequence[Outcome]) -> None:
    from experiments.comparison import figures  # Matplotlib takes its time

    entries = ranking(outcomes)
    drawings = [figures.success(outcomes, config)]
    if config.flow_batch:
        drawings.append(figures.gradient_flow(outcomes, config))
    header = (*Trial._fields[:4], "seed", "ended", "solved_after", "milliseconds_per_step")
    rows = [(*o.trial[:4], o.seed, o.ended, o.solved_after, o.milliseconds) for o in outcomes]
    workdir.write_csv("results.csv", header, rows)
    write_report(
        workdir,
        title="What eases vanishing and exploding gradients?",
        lead=f"{len(outcomes)} trainings: {', '.join(config.labels)} on {', '.join(config.tasks)}, each as it is "
        f"and with remedies, from {config.seeds} seeds{' side by side' if config.together else ''}.",
        findings=findings(entries, outcomes, config),
        tables=[_table(entries)],
        drawings=drawings,
    )


def _table(entries: Sequence[Entry]) -> Table:
    rows = [
        (
            str(place),
            e.cell,
            e.remedy,
            str(e.rate),
            "" if e.steps is None else str(e.steps),
            "" if e.reach != e.reach else f"{e.reach:+.1f}",
            "" if e.milliseconds != e.milliseconds else f"{e.milliseconds:.2g}",
            str(e.diverged),
        )
        for place, e in enumerate(entries, 1)
    ]
    note = (
        "Solved: over all tasks, lengths and seeds, with the 95 % confidence interval (Wilson). Steps: median of the "
        "trainings that got there, with its 95 % confidence interval by order statistics, of less than 6 trainings "
        "their range. Reach: decimal logarithm of the gradient's norm at the first step over that at the "
        "last, before training. Cost: median milliseconds of a training step of one network at the greatest length, "
        "with the other processes beside it."
    )
    return Table("Ranking", ("", "cell", "remedy", "solved", "steps", "reach", "cost", "diverged"), rows, note)


def _job(training: Training, path: Path, trial: Trial) -> Job:
    overrides = [f"--config.{name}={value}" for name, value in flatten(to_dict(training)).items()]
    command = [sys.executable, "-m", "experiments.train", f"--config={TRAIN}", f"--workdir={_folder(path, trial)}"]
    return Job([*command, *overrides], _log_of(path, trial))


def _name(trial: Trial) -> str:
    text = "-".join(map(str, trial))
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', text)[:80].strip('-')}-{zlib.crc32(text.encode()):08x}"


def _folder(path: Path, trial: Trial) -> Path:
    return path / "runs" / _name(trial)


def _log_of(path: Path, trial: Trial) -> Path:
    return path / "logs" / f"{_name(trial)}.log"


def _log(path: Path, trial: Trial) -> str:
    lines = _log_of(path, trial).read_text(errors="replace").strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    return f"{(errors or lines or ['nothing'])[-1]} ({_log_of(path, trial)})"
