"""The comparison, from a config to the report; the trainings that are done already are not done again."""

import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from experiments.common.config import from_config, to_dict
from experiments.common.errors import Failed
from experiments.common.progress import say
from experiments.common.report import write_report
from experiments.common.workdir import Workdir
from experiments.remedies import publish as publishing
from experiments.remedies.config import Comparison, Kind, Setting, Trial
from experiments.remedies.findings import findings
from experiments.remedies.launch import folder_of, job, last_words, launch, slurm_parameters
from experiments.remedies.results import RESULTS, Outcome, milliseconds_of, outcomes_of, over, result_rows
from experiments.remedies.tables import EFFECTS, SUMMARY, effect_rows, summary_rows, table
from experiments.remedies.tuning import choose, tuning_table
from recurrax.tasks.task import Chance

GROWS = (
    "cells", "tasks", "lengths", "remedies", "seeds", "tuning.seeds", "tuning.steps", "train.steps",
    "train.learning_rates", "train.hidden_sizes",
)  # fmt: skip
"""Fields in which a comparison may grow in its folder."""
_COSTS = "costs.json"
"""What a training step of every kind took, measured once: a report that is made again has the same numbers."""
_SEEDS = "seeds.json"
"""How many seeds there were each time the comparison grew: those of one time train side by side."""


def main(config_dict: Any, path: Path, launcher: str = "local", slurm: str = "", publish: str = "") -> None:
    """Runs the trainings that are missing and writes the report to `path`.

    Args:
      config_dict: the config.
      path: the folder of the comparison.
      launcher: where the trainings run, "local" or "slurm".
      slurm: parameters of submitit, as a text that lists them.
      publish: folder that tables and figures are copied to once all is done; empty for none.

    Raises:
      ExperimentError: the config or the parameters are wrong, or the folder holds something else.
      Failed: a training failed, and those that did not are reported.
      Terminated: SIGTERM or SIGHUP came.
    """
    # Several processes share an accelerator: none may take all of its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    config = from_config(Comparison, config_dict)
    parameters = slurm_parameters(slurm)
    with Workdir(path, config=to_dict(config), data={}, grows=GROWS) as workdir:
        if workdir.nothing_to_do("comparison"):
            _publish(workdir, publish)
            return

        def trained(trials: Iterable[Trial], purpose: str) -> list[Outcome]:
            return _trained(config, path, list(trials), purpose, launcher, parameters)

        tuned_before, reported_before = _grown(workdir, config)
        tuning = list(config.tuning_trials(tuned_before))
        outcomes = trained(tuning, "tuning")
        chosen = choose(outcomes, config)
        trials = list(config.trials(chosen, reported_before))
        outcomes += trained(trials, "trainings")
        _report(workdir, config, outcomes, chosen, _costs(workdir, trials))
        _raise_for_failures(path, outcomes, [*tuning, *trials])
        workdir.finish()
        _publish(workdir, publish)
        say(f"Report: {path / 'report.html'}")


def _publish(workdir: Workdir, target: str) -> None:
    if target:
        publishing.publish(workdir, Path(target).expanduser())


def _trained(
    config: Comparison, path: Path, trials: Sequence[Trial], purpose: str, launcher: str, parameters: dict[str, Any]
) -> list[Outcome]:
    """Runs the trainings that are missing, and returns what all of them came to."""
    trainings = {trial: config.training(trial) for trial in trials}
    missing = [trial for trial, training in trainings.items() if not over(training, folder_of(path, trial))]
    if len(missing) < len(trainings):
        say(f"{purpose}: {len(trainings) - len(missing)} of {len(trainings)} were done before")
    jobs = [job(trainings[trial], path, trial) for trial in missing]
    processes = config.processes
    ended = launch(jobs, path, launcher=launcher, parameters=parameters, processes=processes, purpose=purpose)
    statuses = dict(zip(missing, ended, strict=True))
    return [
        outcome
        for trial, training in trainings.items()
        for outcome in outcomes_of(trial, training, folder_of(path, trial), statuses.get(trial, 0))
    ]


def _grown(workdir: Workdir, config: Comparison) -> tuple[list[int], list[int]]:
    """Returns how many seeds of the tuning, and of the report, there were each time before this folder grew in them."""
    try:
        known = json.loads((workdir.path / _SEEDS).read_bytes())
    except (OSError, ValueError):
        known = {}
    counts = {"tuning": config.tuning.seeds, "report": config.seeds}
    steps = {name: sorted({*known.get(name, []), count}) for name, count in counts.items()}
    workdir.write_text(_SEEDS, json.dumps(steps) + "\n")
    return steps["tuning"][:-1], steps["report"][:-1]


def _costs(workdir: Workdir, trials: Sequence[Trial]) -> dict[Kind, float]:
    """Returns the milliseconds of a training step of one network, those that were measured before first."""
    try:
        known = json.loads((workdir.path / _COSTS).read_bytes())
    except (OSError, ValueError):
        known = {}
    costs: dict[Kind, float] = {}
    for trial in trials:
        name = folder_of(workdir.path, trial).name
        if name not in known:
            known[name] = milliseconds_of(folder_of(workdir.path, trial))
        if math.isnan(costs.get(trial.kind, math.nan)):
            costs[trial.kind] = known[name]
    workdir.write_text(_COSTS, json.dumps({n: v for n, v in known.items() if not math.isnan(v)}, indent=1) + "\n")
    return costs


def _raise_for_failures(path: Path, outcomes: Sequence[Outcome], trials: Sequence[Trial]) -> None:
    failed = {(o.kind, o.setting, o.tuning, o.seed) for o in outcomes if o.ended == "failed"}
    broken = [trial for trial in trials if (trial.kind, trial.setting, trial.tuning, trial.seed) in failed]
    if broken:
        raise Failed(
            f"{len(broken)} of {len(trials)} trainings failed, the first one said: {last_words(path, broken[0])}\n"
            f"The others are in {path / 'report.html'}; the same command tries again those that failed."
        )


def _report(
    workdir: Workdir,
    config: Comparison,
    outcomes: Sequence[Outcome],
    chosen: dict[Kind, Setting],
    costs: dict[Kind, float],
) -> None:
    """Writes the results as CSV, figures, tables and the page that shows them."""
    from experiments.remedies.figures import draw_all  # Matplotlib takes its time

    chance = _chance(config, chosen)
    workdir.write_csv("results.csv", RESULTS, result_rows(outcomes, chance, costs))
    workdir.write_csv("summary.csv", SUMMARY, summary_rows(outcomes, chance, costs, config))
    workdir.write_csv("effects.csv", EFFECTS, effect_rows(outcomes, config))
    sentences = findings(outcomes, chosen, config)
    workdir.write_text(publishing.FINDINGS, "".join(f"{sentence}\n" for sentence in sentences))
    tuned = tuning_table(outcomes, chosen, config)
    how = ", with the setting that was chosen for it on other seeds" if tuned else ""
    write_report(
        workdir,
        title="What eases vanishing and exploding gradients?",
        lead=f"{', '.join(config.labels)} on {', '.join(config.tasks)}, each as it is and with remedies, from "
        f"{config.seeds} seeds. Each remedy is compared with the same cell without it, seed by seed, in the mean time "
        f"to success within {config.train.steps} steps{how}. A difference is told where chance gives it in less than "
        "one of twenty reports without any.",
        findings=sentences,
        tables=[table(outcomes, chance, costs, config), *([tuned] if tuned else [])],
        drawings=draw_all(outcomes, config),
    )


def _chance(config: Comparison, chosen: dict[Kind, Setting]) -> dict[Kind, Chance]:
    """Returns loss and error of the best blind guess, by kind; one task is asked once, as some simulate."""
    known: dict[tuple[str, int], Chance] = {}
    for trial in config.trials(chosen):
        task = (trial.kind.task, trial.kind.length)
        if task not in known:
            known[task] = config.training(trial).make_task().chance
    return {kind: known[kind.task, kind.length] for kind in config.kinds}
