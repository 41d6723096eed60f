"""The study, from a config to the report; it goes on where an earlier one was cut short."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.config import from_config, to_dict
from experiments.common.progress import say
from experiments.common.report import write_report
from experiments.common.stopping import stopping
from experiments.common.workdir import Workdir
from experiments.train.findings import evaluations, findings
from experiments.train.record import recording
from experiments.train.session import Session
from experiments.train.table import HEADER, tidy_rows
from experiments.training.checkpoints import Checkpoints
from experiments.training.config import Training
from experiments.training.coverage import covered, ended_before, is_whole
from experiments.training.metrics import METRICS, Row, read_rows
from experiments.training.results import read
from experiments.training.trainer import State, Trainer
from recurrax._util import naming

KEEP = 3
"""Checkpoints that stay."""
GROWS = ("steps",)
"""In what a finished training may go on as a larger one."""


def main(config_dict: Any, path: Path) -> None:
    """Trains, or goes on with it, and writes the results to `path`.

    Raises:
      ExperimentError: the config is wrong, the folder holds something else, no checkpoint in it can be read, or a
        line of its metrics is damaged.
      Diverged: a loss or a gradient is not finite, from every seed.
      Terminated: SIGTERM or SIGHUP came; a checkpoint is written.
    """
    config = from_config(Training, config_dict)
    with stopping() as stop, Workdir(path, config=to_dict(config), data={}, grows=GROWS) as workdir:
        if workdir.nothing_to_do("training"):
            return
        trainer = Trainer(config)
        checkpoints = Checkpoints(path.resolve() / "checkpoints", keep=KEEP, identity=_identity(config))
        rows = read_rows(path / METRICS, config.seed_range)
        step, state = _last_state(trainer, checkpoints, rows, path)
        whole = is_whole(rows, config, trainer.task, step)
        with recording(workdir, step, config.seed_range, whole=whole, tensorboard=config.tensorboard) as record:
            session = Session(trainer, checkpoints, record, stop, step, state)
            session.train()
        if session.pace.seconds_per_step is not None:
            per_seed = session.pace.seconds_per_step / config.seeds
            workdir.write_text("timing.json", json.dumps({"seconds_per_step_and_seed": per_seed}) + "\n")
        _report(workdir, trainer)
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def _identity(config: Training) -> str:
    """Returns what checkpoints of all sizes of a training have in common."""
    same = {name: value for name, value in to_dict(config).items() if name not in GROWS}
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def _last_state(trainer: Trainer, checkpoints: Checkpoints, rows: Sequence[Row], path: Path) -> tuple[int, State]:
    """Returns the steps done and the state after them, of the last good checkpoint that metrics cover or the start."""
    state = trainer.start()
    limit = covered(rows, trainer.config, trainer.task)
    beyond = [step for step in checkpoints.steps() if step > limit]
    found = checkpoints.restore(state, up_to=limit)
    if found is not None and found[0] == limit > 0 and not _gathered(found[1]):
        # The lines of its own step were written before it was saved, and what they were made of is gone.
        beyond, found = [found[0], *beyond], checkpoints.restore(state, up_to=limit - 1)
    if beyond and ended_before(rows, trainer.config):
        after = f"after step {found[0]}" if found else "from the beginning"
        say(f"goes on {after}; no later checkpoint is one of a training of {trainer.config.steps} steps")
    elif beyond:
        where = f"that of step {found[0]}" if found else "the beginning"
        say(
            f"warning: {path / METRICS} lacks lines of step {limit:.0f}, which were there when checkpoint {beyond[-1]} "
            f"was saved; the training goes back to {where}"
        )
    elif found is None and rows:
        say(f"warning: {checkpoints.folder} has no checkpoint; the training begins anew")
    elif found is not None and found[0]:
        say(f"goes on after step {found[0]}")
    return (0, state) if found is None else found


def _gathered(state: State) -> bool:
    """Tells whether a state holds what the next lines of metrics are made of."""
    return bool(np.any(state.loss_sum) or np.any(state.largest_gradient))


def _report(workdir: Workdir, trainer: Trainer) -> None:
    """Writes figures, tables and the page that shows them."""
    from experiments.train.figures.gradient_flow import gradient_flow  # Matplotlib takes its time
    from experiments.train.figures.learning import learning

    config = trainer.config
    curves = read(config, workdir.path)
    drawings = [learning(curves, config, trainer.task)]
    if config.gradient_norms.every:
        drawings.append(gradient_flow(curves, config))
    workdir.write_csv("results.csv", HEADER, tidy_rows(curves))
    write_report(
        workdir,
        title=f"{naming.label(config.cells)} on {config.tasks}",
        lead=f"Remedies: {config.remedies or 'none'}.",
        findings=findings(curves, trainer),
        tables=[evaluations(curves, trainer)],
        drawings=drawings,
    )
