"""Trains a cell on a task, with or without remedies against vanishing and exploding gradients.

Claim:    see the header of the config.
Command:  python -m experiments.train --config=configs/train.py --workdir=runs/adding
Ends with status 0 when the task is solved or all steps are done; 3 when a loss or a gradient is no longer finite, with
          the step named and the checkpoint before it kept; 143 after SIGTERM, with a checkpoint to go on from.
          Of several seeds one that comes to that stops alone, with a warning.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common.config import from_config, to_dict
from experiments.common.errors import Diverged
from experiments.common.progress import Meter, say
from experiments.common.rates import Rate
from experiments.common.report import Table, write_report
from experiments.common.stopping import Stopping, Terminated, stopping
from experiments.common.workdir import Workdir
from experiments.training.checkpoints import Checkpoints
from experiments.training.config import Training
from experiments.training.measure import log_norms
from experiments.training.metrics import Metrics
from experiments.training.results import Curve, part_name, read
from experiments.training.tensorboard import TensorBoard
from experiments.training.trainer import State, Trainer
from recurrax._util import naming

KEEP = 3
"""Checkpoints that stay."""
SECONDS_PER_CALL = 0.5
"""About how long a run is deaf for SIGTERM: steps per call are chosen by it."""


def main(config_dict: Any, path: Path) -> None:
    """Trains, or goes on with it, and writes the results to `path`."""
    config = from_config(Training, config_dict)
    with stopping() as stop, Workdir(path, config=to_dict(config), data={}) as workdir:
        if workdir.nothing_to_do("training"):
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
        self._seeds = range(config.seed, config.seed + config.seeds)
        self._tensorboard: TensorBoard | None = None
        self._per_call = 1
        self._seconds_per_step: list[float] = []

    def train(self) -> None:
        """Trains to the end, from the last good checkpoint on.

        Raises:
          Diverged: a loss or a gradient is not finite, from every seed.
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
        with contextlib.ExitStack() as stack:
            if config.tensorboard:
                self._tensorboard = stack.enter_context(TensorBoard(self.workdir.path / "tensorboard", step))
            stack.enter_context(self._leaving(lambda: (step, state)))
            meter = stack.enter_context(Meter("training", config.steps, "steps"))
            while True:
                if step % config.log_every == 0 or step == config.steps:
                    if not (self.metrics.rows and self.metrics.rows[-1]["step"] == step):
                        state = self._log(step, state)
                    if not np.any(state.running):
                        break
                if step % config.save_every == 0:
                    self.checkpoints.save(step, state)
                if step >= config.steps:
                    break
                step, state = self._advance(step, state)
                meter.update(step)
                if not np.any(state.running):
                    break
        if not np.any(state.finite):
            self._stop_at_nan()
        self.checkpoints.save(step, state)
        if self._seconds_per_step:
            per_step = float(np.median(self._seconds_per_step)) / config.seeds
            self.workdir.write_text("timing.json", json.dumps({"seconds_per_step_and_seed": per_step}) + "\n")

    def report(self) -> None:
        """Writes figures, tables and the page that shows them."""
        from experiments.training import figures  # Matplotlib takes its time

        config, task = self.config, self.trainer.task
        curves = read(config, self.workdir.path)
        drawings = [figures.learning(curves, config, task)]
        if config.flow.every:
            drawings.append(figures.gradient_flow(curves, config))
        write_report(
            self.workdir,
            title=f"{naming.label(config.cells)} on {config.tasks}",
            lead=f"Remedies: {config.remedies or 'none'}.",
            findings=self._findings(curves),
            tables=[self._summary(curves)],
            drawings=drawings,
        )

    def _advance(self, step: int, state: State) -> tuple[int, State]:
        """Trains until a line of metrics is due, or some time has gone by."""
        self._look_for_stop()
        due = step - step % self.config.log_every + self.config.log_every
        until = min(step + self._per_call, due, self.config.steps)
        before = np.asarray(state.finite)
        begin = time.monotonic()
        state = self.trainer.advance(state, until)
        after, done = np.asarray(state.finite), np.asarray(state.step)
        seconds = (time.monotonic() - begin) / (until - step)
        if self._per_call > 1:  # the first call compiles
            self._seconds_per_step.append(seconds)
        self._per_call = max(1, min(2 * self._per_call, int(SECONDS_PER_CALL / seconds)))
        for n in sorted(np.flatnonzero(before & ~after), key=lambda n: (done[n], n)):
            self._write(int(done[n]) + 1, self._seeds[n], diverged=True)
            if np.any(after):
                say(f"warning: seed {self._seeds[n]} diverged in step {done[n] + 1}; the others go on")
        return until, state

    def _stop_at_nan(self) -> None:
        first = min(row["step"] for row in self.metrics.rows if row.get("diverged"))
        good = [n for n in self.checkpoints.steps() if n < first]
        raise Diverged(
            f"The loss or its gradient became NaN or inf in training step {first}.\n"
            f"The checkpoint of step {max(good, default=0)} is in {self.checkpoints.folder}.\n"
            "Try clip_norm among the remedies, or a smaller config.learning_rate."
        )

    def _log(self, step: int, state: State) -> State:
        """Writes the lines of a step, with what is evaluated and measured then, and begins to gather for the next."""
        config, trainer = self.config, self.trainer
        running = np.asarray(state.running)
        values: list[dict[str, Any]] = [{} for _ in self._seeds]
        last = np.full(config.seeds, step == config.steps)
        if step:
            since = step - (step - 1) // config.log_every * config.log_every
            for n, row in enumerate(values):
                row["loss"] = float(state.loss_sum[n]) / since
                row["largest_gradient"] = float(state.largest_gradient[n])
        if step % config.eval_every == 0 or step == config.steps:
            losses, errors = trainer.evaluate(state)
            for n, row in enumerate(values):
                row["eval_loss"], row["eval_error"] = float(losses[n]), float(errors[n])
                if config.stop_when_solved and running[n] and trainer.task.solved(losses[n], errors[n]):
                    last[n] = True
                    state = state._replace(solved=np.asarray(state.solved) | (np.arange(config.seeds) == n))
        self._look_for_stop()
        measured = running & (last | (step % config.flow.every == 0)) if config.flow.every else np.zeros_like(running)
        if measured.any():
            model = trainer.settled(state)
            norms = log_norms(trainer.cell, trainer.task, model, state.seed, config.flow.batch)
            part = {"seeds": np.asarray(state.seed)[measured], "joint": norms[measured]}
            self.workdir.save_part(part_name(step), part)
        self._look_for_stop()
        for n in np.flatnonzero(running):
            self._write(step, self._seeds[n], **values[n], **({"flow": True} if measured[n] else {}))
        zero = np.zeros_like(state.loss_sum)
        return state._replace(loss_sum=zero, largest_gradient=zero)

    def _write(self, step: int, seed: int, **values: Any) -> None:
        self.metrics.write(step, seed=seed, **values)
        if self._tensorboard:
            self._tensorboard.write(step, f"seed_{seed}", values)

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

    def _findings(self, curves: Sequence[Curve]) -> list[str]:
        task = self.trainer.task
        criterion = f"held-out {task.solved.measure} below {task.solved.below:.3g}"
        solved = [steps for curve in curves if (steps := curve.solved_after(task)) is not None]
        if len(curves) == 1:
            sentence = (
                f"Solved after {solved[0]} steps"
                if solved
                else f"Not solved within {curves[0].evaluated[-1]['step']} steps"
            )
        else:
            sentence = f"Solved from {Rate.of_counts(len(solved), len(curves))} seeds"
            if solved:
                sentence += f", after {np.median(solved):.0f} steps in the median ({min(solved)} to {max(solved)})"
        sentences = [f"{sentence} ({criterion})."]
        for curve in curves:
            if curve.diverged_in is not None:
                sentences.append(f"Seed {curve.seed} diverged in step {curve.diverged_in}.")
        if back := self.trainer.how.get("truncate_every"):
            sentences.append(f"Gradients went back {back} steps at most.")
        loss, error = (np.median([c.evaluated[-1][name] for c in curves]) for name in ("eval_loss", "eval_error"))
        return [
            *sentences,
            f"At the end: loss {loss:.3g} where guessing gives {task.chance.loss:.3g}, "
            f"{error:.1%} wrong where guessing gives {task.chance.error:.1%}"
            f"{'' if len(curves) == 1 else ' (medians over seeds)'}.",
        ]

    def _summary(self, curves: Sequence[Curve]) -> Table:
        rows = [
            (str(row["seed"]), str(row["step"]), f"{row['eval_loss']:.4g}", f"{row['eval_error']:.2%}")
            for curve in curves
            for row in curve.evaluated
        ]
        note = f"{self.config.eval_batches * self.config.batch} held-out sequences, the same every time."
        return Table("Evaluations", ("seed", "step", "loss", "wrong"), rows, note)
