"""The loop of a training: steps, lines of metrics, evaluations and checkpoints, each when it is due."""

import contextlib
import time
from collections.abc import Iterable, Iterator

import numpy as np

from experiments.common.errors import Diverged
from experiments.common.progress import Meter, say
from experiments.common.stopping import Stopping, Terminated, uninterrupted
from experiments.train.pace import Pace
from experiments.train.record import Line, Record
from experiments.training.checkpoints import Checkpoints
from experiments.training.measure import Flow, measure_flow
from experiments.training.success import is_solved, meets
from experiments.training.trainer import State, Trainer


class Session:
    """A training that goes on from a state.

    Attributes:
      trainer: does the steps.
      checkpoints: where states are saved.
      record: where lines of metrics go.
      stop: tells when SIGTERM or SIGHUP has come.
      step: training steps done.
      state: after these.
      pace: how long steps take.
    """

    def __init__(
        self, trainer: Trainer, checkpoints: Checkpoints, record: Record, stop: Stopping, step: int, state: State
    ):
        self.trainer, self.config = trainer, trainer.config
        self.checkpoints, self.record, self.stop = checkpoints, record, stop
        self.step, self.state = step, state
        self.pace = Pace()
        self._meter = Meter("training", self.config.steps, "steps", start=step)
        self._compiled = False

    def train(self) -> None:
        """Trains to the end.

        Raises:
          Diverged: a loss or a gradient is not finite, from every seed.
          Terminated: SIGTERM or SIGHUP came; a checkpoint is written.
        """
        config = self.config
        with self._saved_when_it_has_to_leave(), self._meter:
            while self._running:
                if self._is_due(config.log_every) and not self.record.holds(self.step):
                    self._log()
                    if not self._running:
                        break
                if self.step % config.save_every == 0:
                    self._save()
                if self.step >= config.steps:
                    break
                self._advance()
                self._meter.update(self.step)
        if not np.any(self.state.finite):
            raise self._divergence()
        self._save()

    @property
    def _running(self) -> bool:
        return bool(np.any(self.state.running))

    def _is_due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.steps

    def _save(self) -> None:
        self.checkpoints.save(self.step, self.state)

    @contextlib.contextmanager
    def _saved_when_it_has_to_leave(self) -> Iterator[None]:
        """Saves what there is when a signal or Ctrl-C comes."""
        try:
            yield
        except (Terminated, KeyboardInterrupt):
            with contextlib.suppress(RuntimeError):  # a state that a call was interrupted with is used up
                self._save()
            raise

    def _advance(self) -> None:
        """Trains until a line of metrics is due, or some time has gone by."""
        self.stop.leave_if_asked()
        due = self.step - self.step % self.config.log_every + self.config.log_every
        until = min(self.step + self.pace.steps, due, self.config.steps)
        before = np.asarray(self.state.finite)
        begin = time.monotonic()
        if not self._compiled:
            self._meter.doing("compiling")
            self._compiled = True
        self.state = self.trainer.advance(self.state, until)
        with uninterrupted():  # or a checkpoint would hold a state whose step, and whose divergence, nobody wrote down
            after, done = np.asarray(self.state.finite), np.asarray(self.state.step)
            self.pace.took(until - self.step, time.monotonic() - begin)
            self.step = until
            for n in sorted(np.flatnonzero(before & ~after), key=lambda n: (done[n], n)):
                seed = self.config.seed + int(n)
                self.record.write(int(done[n]) + 1, seed, {"diverged": True})
                if np.any(after):
                    say(f"warning: seed {seed} diverged in step {done[n] + 1}; the others go on")

    def _log(self) -> None:
        """Writes the lines of a step, with what is evaluated and measured then, and begins to gather for the next."""
        running = np.asarray(self.state.running)
        lines = self._gathered()
        solved = self._evaluate(lines)
        self.stop.leave_if_asked()
        self._measure(lines, running, solved)
        self.stop.leave_if_asked()
        with uninterrupted():  # the lines of all seeds, and the state that goes with them
            for n in np.flatnonzero(running):
                self.record.write(self.step, self.config.seed + int(n), lines[n])
            zero = np.zeros_like(self.state.loss_sum)
            self.state = self.state._replace(
                solved=np.asarray(self.state.solved) | solved, loss_sum=zero, largest_gradient=zero
            )

    def _gathered(self) -> list[Line]:
        """Returns the lines of the seeds, with what was gathered since the ones before."""
        if self.step == 0:
            return [{} for _ in range(self.config.seeds)]
        since = self.step - (self.step - 1) // self.config.log_every * self.config.log_every
        sums, largest = np.asarray(self.state.loss_sum), np.asarray(self.state.largest_gradient)
        pairs = zip(sums, largest, strict=True)
        return [{"loss": float(loss) / since, "largest_gradient": float(norm)} for loss, norm in pairs]

    def _evaluate(self, lines: list[Line]) -> np.ndarray:
        """Adds an evaluation to the lines where one is due; returns which seeds end now, their task being solved."""
        if self._is_due(self.config.eval_every):
            self._meter.doing("evaluating")
            self._score("eval", lines, range(self.config.seeds), self.trainer.evaluate(self.state))
            self._confirm(lines)
        solved = [self.config.stop_when_solved and is_solved(line, self.trainer.task) for line in lines]
        return np.asarray(solved) & np.asarray(self.state.running)

    def _confirm(self, lines: list[Line]) -> None:
        """Adds what the seeds come to on the sequences of a confirmation, where they meet the criterion at last."""
        task, running = self.trainer.task, np.asarray(self.state.running)
        met = [
            n
            for n, line in enumerate(lines)
            if running[n] and meets(line, task) and not self.record.is_solved(self.config.seed + n, task)
        ]
        if met and self.trainer.confirmation:
            self._meter.doing("confirming a success")
            scores = self.trainer.confirm(self.state, self.step, self.stop.leave_if_asked)
            self._score("confirmed", lines, met, scores)

    @staticmethod
    def _score(kind: str, lines: list[Line], which: Iterable[int], scores: tuple[np.ndarray, np.ndarray]) -> None:
        loss, error = scores
        for n in which:
            lines[n] |= {f"{kind}_loss": float(loss[n]), f"{kind}_error": float(error[n])}

    def _measure(self, lines: list[Line], running: np.ndarray, solved: np.ndarray) -> None:
        """Measures gradient norms where that is due, saves them and marks the lines."""
        asked = self.config.gradient_norms
        if not asked.every:
            return
        measured = running & (solved | self._is_due(asked.every))
        if not measured.any():
            return
        self._meter.doing("measuring gradients")
        trainer, seeds = self.trainer, np.asarray(self.state.seed)
        models = trainer.settled(self.state)
        flow = measure_flow(trainer.cell, trainer.task, models, self.state.seed, asked.batch, asked.dtype)
        self.record.save_flow(self.step, seeds[measured], Flow(*(part[measured] for part in flow)))
        for n in np.flatnonzero(measured):
            lines[n]["gradient_norms"] = True

    def _divergence(self) -> Diverged:
        first = self.record.first_divergence
        good = [step for step in self.checkpoints.steps() if step < first]
        return Diverged(
            f"The loss or its gradient became NaN or inf in training step {first}.\n"
            f"The checkpoint of step {max(good, default=0)} is in {self.checkpoints.folder}.\n"
            "Try clip_norm among the remedies, or a smaller config.learning_rate."
        )
