"""The study, from a config to the report; it goes on where an earlier one was cut short."""

import hashlib
import json
from pathlib import Path
from typing import Any

from experiments.common.config import from_config, to_dict
from experiments.common.progress import say
from experiments.common.report import write_report
from experiments.common.stopping import stopping
from experiments.common.workdir import Workdir
from experiments.train.findings import evaluations, findings
from experiments.train.record import recording
from experiments.train.session import Session
from experiments.training.checkpoints import Checkpoints
from experiments.training.config import Training
from experiments.training.results import read
from experiments.training.trainer import State, Trainer
from recurrax._util import naming

KEEP = 3
"""Checkpoints that stay."""


def main(config_dict: Any, path: Path) -> None:
    """Trains, or goes on with it, and writes the results to `path`.

    Raises:
      ExperimentError: the config is wrong, the folder holds something else, or no checkpoint in it can be read.
      Diverged: a loss or a gradient is not finite, from every seed.
      Terminated: SIGTERM came; a checkpoint is written.
    """
    config = from_config(Training, config_dict)
    with stopping() as stop, Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.nothing_to_do("training"):
            return
        trainer = Trainer(config)
        identity = hashlib.sha256(json.dumps(to_dict(config), sort_keys=True).encode()).hexdigest()
        checkpoints = Checkpoints(path.resolve() / "checkpoints", keep=KEEP, identity=identity)
        step, state = _last_state(trainer, checkpoints, path)
        with recording(workdir, step, tensorboard=config.tensorboard) as record:
            session = Session(trainer, checkpoints, record, stop, step, state)
            session.train()
        if session.pace.seconds_per_step is not None:
            per_seed = session.pace.seconds_per_step / config.seeds
            workdir.write_text("timing.json", json.dumps({"seconds_per_step_and_seed": per_seed}) + "\n")
        _report(workdir, trainer)
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


def _last_state(trainer: Trainer, checkpoints: Checkpoints, path: Path) -> tuple[int, State]:
    """Returns the steps done and the state after them, of the last good checkpoint or of the beginning."""
    state = trainer.start()
    found = checkpoints.restore(state)
    if found is not None:
        if found[0]:
            say(f"goes on after step {found[0]}")
        return found
    metrics = path / "metrics.jsonl"
    if metrics.exists() and metrics.stat().st_size:
        say(f"warning: {checkpoints.folder} has no checkpoint; the training begins anew")
    return 0, state


def _report(workdir: Workdir, trainer: Trainer) -> None:
    """Writes figures, tables and the page that shows them."""
    from experiments.train.figures.gradient_flow import gradient_flow  # Matplotlib takes its time
    from experiments.train.figures.learning import learning

    config = trainer.config
    curves = read(config, workdir.path)
    drawings = [learning(curves, config, trainer.task)]
    if config.gradient_norms.every:
        drawings.append(gradient_flow(curves, config))
    write_report(
        workdir,
        title=f"{naming.label(config.cells)} on {config.tasks}",
        lead=f"Remedies: {config.remedies or 'none'}.",
        findings=findings(curves, trainer),
        tables=[evaluations(curves, config)],
        drawings=drawings,
    )
