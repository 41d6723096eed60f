"""Trains a cell on a task, with or without remedies against vanishing and exploding gradients.

Claim:    see the header of the config.
Command:  python -m experiments.train --config=configs/train.py --workdir=runs/adding
Ends with status 0 when the task is solved or all steps are done; 3 when a loss or a gradient is no longer finite, with
          the step named and the checkpoint before it kept; 143 after SIGTERM, with a checkpoint to go on from.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import cli
from experiments.common.checkpoints import Checkpoints
from experiments.common.config import from_config, to_dict
from experiments.common.errors import Diverged
from experiments.common.metrics import Metrics
from experiments.common.progress import Meter, say
from experiments.common.report import Table, write_report
from experiments.common.stopping import Stopping, Terminated, stopping
from experiments.common.workdir import Workdir
from experiments.training.config import Training
from experiments.training.flow import log_norms
from experiments.training.trainer import State, Trainer

KEEP = 3
"""Checkpoints that stay."""
SECONDS_PER_CALL = 0.5
"""About how long a run is deaf for SIGTERM: steps per call are chosen by it."""


def main(config_dict: Any, path: Path) -> None:
    """Trains, or goes on with it, and writes the results to `path`."""
    config = from_config(Training, config_dict)
    with stopping() as stop, Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.finished and (path / "report.html").exists():
            say(f"{path} holds this training, finished; nothing was done. The report is {path / 'report.html'}")
            return
        with Metrics(path / "metrics.jsonl") as metrics:
            run = Run(config, workdir, metrics, stop)
            run.train()
            run.report()
        workdir.finish()
        say(f"Report: {path / 'report.html'}")


class Run:
    """A training with all that it leaves on the disk."""

    def __init__(self, config: Training, workdir: Workdir, metrics: Metrics, stop: Stopping):
        self.config, self.workdir, self.metrics, self.stop = config, workdir, metrics, stop
        identity = hashlib.sha256(json.dumps(to_dict(config), sort_keys=True).encode()).hexdigest()
        self.checkpoints = Checkpoints(workdir.path.resolve() / "checkpoints", keep=KEEP, identity=identity)
        self.trainer = Trainer(config)
        self._per_call = 1

    def train(self) -> None:
        """Trains to the end, from the last good checkpoint on.

        Raises:
          Diverged: a loss or a gradient is not finite.
          Terminated: SIGTERM came; a checkpoint is written.
        """
        config, state = self.config, self.trainer.start()
        found = self.checkpoints.restore(state)
        if found is None and self.metrics.path.exists() and self.metrics.path.stat().st_size:
            say(f"warning: {self.checkpoints.folder} has no checkpoint; the training begins anew")
        step, state = (0, state) if found is None else found
        self.metrics.open(step)
        if step:
            say(f"goes on after step {step}")
        with self._leaving(lambda: (step, state)), Meter("training", config.steps, "steps") as meter:
            while True:
                if step % config.log_every == 0 or step == config.steps:
                    if not (self.metrics.rows and self.metrics.rows[-1]["step"] == step):
                        state = self._log(step, state)
                    if self._solved() and config.stop_when_solved:
                        break
                if step % config.save_every == 0:
                    self.checkpoints.save(step, state)
                if step >= config.steps:
                    break
                step, state = self._advance(step, state)
                meter.update(step)
        self.checkpoints.save(step, state)

    def report(self) -> None:
        """Writes figures, tables and the page that shows them."""
        from experiments.training import figures  # Matplotlib takes its time

        config, task, rows = self.config, self.trainer.task, self.metrics.rows
        drawings = [figures.learning(rows, config, task)]
        if config.flow.every:
            parts = [(row["step"], self.workdir.load_part(_part(row["step"]))) for row in rows if row.get("flow")]
            drawings.append(figures.gradient_flow({n: part["joint"] for n, part in parts if part is not None}, config))
        write_report(
            self.workdir,
            title=f"{config.cell} on {config.task}",
            lead=f"Remedies: {config.remedies or 'none'}.",
            findings=self._findings(),
            tables=[self._summary()],
            drawings=drawings,
        )

    def _advance(self, step: int, state: State) -> tuple[int, State]:
        """Trains until a line of metrics is due, or some time has gone by."""
        self._look_for_stop()
        due = step - step % self.config.log_every + self.config.log_every
        until = min(step + self._per_call, due, self.config.steps)
        begin = time.monotonic()
        state = self.trainer.advance(state, until)
        done, finite = int(state.step), bool(state.finite)
        if not finite:
            self.metrics.write(done + 1, diverged=True)
            raise Diverged(
                f"The loss or its gradient became NaN or inf in training step {done + 1}.\n"
                f"The checkpoint of step {max(self.checkpoints.steps(), default=0)} is in {self.checkpoints.folder}.\n"
                "Try clip_norm among the remedies, or a smaller config.learning_rate."
            )
        seconds = (time.monotonic() - begin) / (until - step)
        self._per_call = max(1, min(2 * self._per_call, int(SECONDS_PER_CALL / seconds)))
        return done, state

    def _log(self, step: int, state: State) -> State:
        """Writes the line of a step, with what is evaluated and measured then, and begins to gather for the next."""
        config, values = self.config, {}
        last = step == config.steps
        if step:
            since = step - (step - 1) // config.log_every * config.log_every
            values["loss"] = float(state.loss_sum) / since
            values["largest_gradient"] = float(state.largest_gradient)
        if step % config.eval_every == 0 or last:
            loss, error = values["eval_loss"], values["eval_error"] = self.trainer.evaluate(state)
            last = last or (config.stop_when_solved and self.trainer.task.solved(loss, error))
        self._look_for_stop()
        if config.flow.every and (step % config.flow.every == 0 or last):
            trainer = self.trainer
            norms = log_norms(trainer.cell, trainer.task, state.model, config.flow.batch, config.seed)
            self.workdir.save_part(_part(step), {"joint": norms})
            values["flow"] = True
        self._look_for_stop()
        self.metrics.write(step, **values)
        zero = np.zeros_like(state.loss_sum)
        return state._replace(loss_sum=zero, largest_gradient=zero)

    def _look_for_stop(self) -> None:
        if self.stop.asked:
            raise Terminated

    @contextlib.contextmanager
    def _leaving(self, now: Callable[[], tuple[int, State]]) -> Iterator[None]:
        """Saves what there is when SIGTERM or Ctrl-C comes."""
        try:
            yield
        except (Terminated, KeyboardInterrupt):
            step, state = now()
            with contextlib.suppress(RuntimeError):  # a state that a call was interrupted with is used up
                self.checkpoints.save(step, state)
            raise

    def _solved(self) -> bool:
        row = self.metrics.rows[-1] if self.metrics.rows else {}
        if row.get("eval_loss") is None:
            return False
        return self.trainer.task.solved(row["eval_loss"], row["eval_error"])

    def _evaluations(self) -> list[dict[str, Any]]:
        return [row for row in self.metrics.rows if row.get("eval_loss") is not None]

    def _findings(self) -> list[str]:
        task, rows = self.trainer.task, self._evaluations()
        meets = [row["step"] for row in rows if task.solved(row["eval_loss"], row["eval_error"])]
        criterion = f"held-out {task.solved.measure} below {task.solved.below:.3g}"
        last = rows[-1]
        return [
            f"Solved after {meets[0]} steps ({criterion})."
            if meets
            else f"Not solved within {last['step']} steps ({criterion}).",
            f"At the end: loss {last['eval_loss']:.3g} where guessing gives {task.chance.loss:.3g}, "
            f"{last['eval_error']:.1%} wrong where guessing gives {task.chance.error:.1%}.",
        ]

    def _summary(self) -> Table:
        rows = [
            (str(row["step"]), f"{row['eval_loss']:.4g}", f"{row['eval_error']:.2%}") for row in self._evaluations()
        ]
        note = f"{self.config.eval_batches * self.config.batch} held-out sequences, the same every time."
        return Table("Evaluations", ("step", "loss", "wrong"), rows, note)


def _part(step: int) -> str:
    return f"flow-{step:09d}"


if __name__ == "__main__":
    cli.run(main, description=__doc__ or "", default_config="configs/train.py", schema=Training)
