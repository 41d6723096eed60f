"""Compares remedies against vanishing and exploding gradients: cells x tasks x lengths x remedies x seeds.

Claim:    see the header of the config.
Command:  python -m experiments.remedies --config=configs/remedies.py --workdir=runs/remedies
Every training is an `experiments.train` of its own, in `runs/` of the folder; one that fails does not stop the rest.
          The same command again runs what is missing only.
"""

import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.common import cli
from experiments.common.config import flatten, from_config, to_dict
from experiments.common.progress import say
from experiments.common.report import Table, write_report
from experiments.common.stopping import stopping
from experiments.common.sweep import Job, cores, sweep
from experiments.common.workdir import Workdir
from experiments.comparison.config import Comparison, Trial
from experiments.comparison.results import Entry, Outcome, ended, findings, outcome, ranking

TRAIN = Path(__file__).resolve().parent.parent / "configs" / "train.py"
"""The config that trainings override every field of."""


def main(config_dict: Any, path: Path) -> None:
    """Runs the trainings that are missing and writes the report to `path`."""
    config = from_config(Comparison, config_dict)
    with Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.finished and (path / "report.html").exists():
            say(f"{path} holds this comparison, finished; nothing was done. The report is {path / 'report.html'}")
            return
        trials = list(config.trials())
        missing = [trial for trial in trials if not ended(_folder(path, trial))]
        if len(missing) < len(trials):
            say(f"{len(trials) - len(missing)} of {len(trials)} trainings were done before")
        with stopping() as stop:
            jobs = [_job(config, path, trial) for trial in missing]
            statuses = sweep(jobs, config.processes or len(cores()), "trainings", stop)
        codes = dict(zip(missing, statuses, strict=True))
        outcomes = [outcome(t, config.training(t), _folder(path, t), codes.get(t, 0)) for t in trials]
        failed = [o.trial for o in outcomes if o.ended == "failed"]
        if failed:
            say(f"warning: {len(failed)} trainings failed, the first one said: {_log(path, failed[0])}")
        _report(workdir, config, outcomes)
        # Trainings that failed are tried again by the same command.
        if not failed:
            workdir.finish()
        say(f"Report: {path / 'report.html'}")


def _report(workdir: Workdir, config: Comparison, outcomes: Sequence[Outcome]) -> None:
    from experiments.comparison import figures  # Matplotlib takes its time

    entries = ranking(outcomes)
    drawings = [figures.success(outcomes, config)]
    if config.flow_batch:
        drawings.append(figures.gradient_flow(outcomes, config))
    header = (*Trial._fields, "ended", "solved_after")
    workdir.write_csv("results.csv", header, [(*o.trial, o.ended, o.solved_after) for o in outcomes])
    write_report(
        workdir,
        title="What eases vanishing and exploding gradients?",
        lead=f"{len(outcomes)} trainings: {', '.join(config.cells)} on {', '.join(config.tasks)}, each as it is "
        f"and with remedies, from {config.seeds} seeds.",
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
            "" if e.steps != e.steps else f"{e.steps:.0f}",
            "" if e.reach != e.reach else f"{e.reach:+.1f}",
            str(e.diverged),
        )
        for place, e in enumerate(entries, 1)
    ]
    note = (
        "Solved: over all tasks, lengths and seeds, with the 95 % confidence interval (Wilson). Steps: median of the "
        "trainings that got there. Reach: decimal logarithm of the gradient's norm at the first step over that at the "
        "last, before training."
    )
    return Table("Ranking", ("", "cell", "remedy", "solved", "steps", "reach", "diverged"), rows, note)


def _job(config: Comparison, path: Path, trial: Trial) -> Job:
    overrides = [f"--config.{name}={value}" for name, value in flatten(to_dict(config.training(trial))).items()]
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


if __name__ == "__main__":
    cli.run(main, description=__doc__ or "", default_config="configs/remedies.py", schema=Comparison)
