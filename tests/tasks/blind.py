"""The best blind answers, fitted to a sample: one constant a step, from what is asked at that step alone."""

from typing import Any, NamedTuple

import jax
import numpy as np

from recurrax.tasks.task import Batch, Classification, Regression, Task

UNSEEN = 0.01
"""Counts of a class that a sample does not have, which another sample may have after all."""


class BlindAnswers(NamedTuple):
    """Answers of every step, `[T, O]`."""

    task: Task
    for_loss: np.ndarray
    for_error: np.ndarray

    @classmethod
    def fitted(cls, task: Classification | Regression, batch: Batch) -> "BlindAnswers":
        """Returns the answers with the least loss, and those with the least error, on a batch."""
        asked, judged = batch.weights > 0, _judged(batch)
        steps = range(len(asked))
        if isinstance(task, Classification):
            counts = [np.bincount(batch.targets[t, asked[t]], minlength=task.output_size) + UNSEEN for t in steps]
            likely = [np.bincount(batch.targets[t, judged[t]], minlength=task.output_size) for t in steps]
            return cls(task, np.log(counts), np.array(likely, float))
        means = [batch.targets[t, asked[t]].mean(0) if asked[t].any() else batch.targets[t, 0] for t in steps]
        # The channels of a task are independent of one another.
        modes = [
            [_mode(channel, task.tolerance) for channel in batch.targets[t, judged[t]].T]
            if judged[t].any()
            else batch.targets[t, 0]
            for t in steps
        ]
        return cls(task, np.array(means), np.array(modes))

    def judged_on(self, batch: Batch) -> tuple[tuple[float, float], tuple[float, float]]:
        """Returns mean loss and mean error on a batch, each with its standard error."""

        def spread(answers):
            return np.broadcast_to(answers[:, None], (*batch.weights.shape, answers.shape[-1]))

        losses = jax.jit(self.task.losses)(spread(self.for_loss), batch.targets)
        wrong = jax.jit(self.task.wrong)(spread(self.for_error), batch.targets)
        return _mean(losses, batch.weights), _mean(wrong, _judged(batch))


def _judged(batch: Batch) -> np.ndarray:
    return np.asarray(batch.weights > 0 if batch.judged is None else batch.judged)


def _mode(values: np.ndarray, tolerance: float) -> float:
    """Returns the middle of an interval of twice the tolerance that holds the most values."""
    ordered = np.sort(values)
    held = np.searchsorted(ordered, ordered + 2 * tolerance, side="right") - np.arange(len(ordered))
    return float(ordered[held.argmax()] + tolerance * (1 - 1e-4))


def _mean(values: Any, weights: Any) -> tuple[float, float]:
    """Returns the mean of values, and its standard error, for sequences that are independent of one another."""
    values, weights = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    mean = np.sum(values * weights) / np.sum(weights)
    residual = np.sum((values - mean) * weights, 0)
    return float(mean), float(residual.std() * len(residual) ** 0.5 / np.sum(weights))
