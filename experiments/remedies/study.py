"""The comparison, from a config to the report; the trainings that are done already are not done again."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.common.config import from_config, to_dict
from experiments.common.errors import Failed
from experiments.common.progress import say
from experiments.common.report import write_report
from experiments.common.workdir import Workdir
from experiments.remedies.config import Comparison
from experiments.remedies.findings import findings, table
from experiments.remedies.launch import folder_of, job, last_words, launch, slurm_parameters
from experiments.remedies.results import Outcome, outcomes_of, over, ranking


def main(config_dict: Any, path: Path, launcher: str = "local", slurm: str = "") -> None:
    """Runs the trainings that are missing and writes the report to `path`.

    Args:
      config_dict: the config.
      path: the folder of the comparison.
      launcher: where the trainings run, "local" or "slurm".
      slurm: parameters of submitit, as a text that lists them.

    Raises:
      ExperimentError: the config or the parameters are wrong, or the folder holds something else.
      Failed: a training failed, and those that did not are reported.
      Terminated: SIGTERM or SIGHUP came.
    """
    # Several processes share an accelerator: none may take all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    config = from_config(Comparison, config_dict)
    parameters = slurm_parameters(slurm)
    with Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.nothing_to_do("comparison"):
            return
        trainings = {trial: config.training(trial) for trial in config.trials()}
        missing = [trial for trial, training in trainings.items() if not over(training, folder_of(path, trial))]
        if len(missing) < len(trainings):
            say(f"{len(trainings) - len(missing)} of {len(trainings)} trainings were done before")
        jobs = [job(trainings[trial], path, trial) for trial in missing]
        ended = launch(jobs, path, launcher=launcher, parameters=parameters, processes=config.processes)
        statuses = dict(zip(missing, ended, strict=True))
        outcomes = [
            outcome
            for trial, training in trainings.items()
            for outcome in outcomes_of(trial, training, folder_of(path, trial), statuses.get(trial, 0))
        ]
        failed = list(dict.fromkeys(o.trial for o in outcomes if o.ended == "failed"))
        _report(workdir, config, outcomes)
        if failed:
            said = last_words(path, failed[0])
            raise Failed(
                f"{len(failed)} of {len(trainings)} trainings failed, the first one said: {said}\n"
                f"The others are in {path / 'report.html'}; the same command tries again those that failed."
            )
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def _report(workdir: Workdir, config: Comparison, outcomes: Sequence[Outcome]) -> None:
    """Writes the results as CSV, figures, the ranking and the page that shows them."""
    from experiments.remedies.figures.gradient_flow import gradient_flow  # Matplotlib takes its time
    from experiments.remedies.figures.success import success

    entries = ranking(outcomes)
    drawings = [success(outcomes, config)]
    if config.gradient_norms_batch:
        drawings.append(gradient_flow(outcomes, config))
    header = ("cell", "task", "length_steps", "remedy", "seed", "ended", "solved_after_steps", "time_per_step_ms")
    rows = [(*o.trial[:4], o.seed, o.ended, o.solved_after, o.milliseconds) for o in outcomes]
    workdir.write_csv("results.csv", header, rows)
    write_report(
        workdir,
        title="What eases vanishing and exploding gradients?",
        lead=f"{len(outcomes)} trainings: {', '.join(config.labels)} on {', '.join(config.tasks)}, each as it is "
        f"and with remedies, from {config.seeds} seeds{' side by side' if config.together else ''}.",
        findings=findings(entries, outcomes, config),
        tables=[table(entries)],
        drawings=drawings,
    )
