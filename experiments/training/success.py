"""When a training counts as solved: an evaluation meets the criterion, and so do many fresh sequences.

A few hundred sequences, looked at again and again, meet a criterion by luck sooner or later.
"""

import math
from typing import NamedTuple

from experiments.training.metrics import Row
from recurrax.tasks.task import Task

AT_ONCE = 250
"""Sequences of a batch, at most."""


class Confirmation(NamedTuple):
    """The held-out sequences that a success is confirmed on."""

    batches: int
    size: int
    """Sequences of a batch."""
    fresh: bool
    """Whether no evaluation sees them; a set of given sequences has no others."""

    @property
    def sequences(self) -> int:
        """How many there are."""
        return self.batches * self.size

    def number(self, step: int, batch: int) -> int:
        """Returns the number of a held-out batch after so many training steps; evaluations use the first numbers."""
        return 2**31 + (step * self.batches + batch) % 2**31 if self.fresh else batch


def confirmation(task: Task, sequences: int) -> Confirmation | None:
    """Returns how a success is confirmed on so many sequences, or on all where fewer are held out; None for 0."""
    if not sequences:
        return None
    fresh = task.held_out_size is None
    sequences = sequences if task.held_out_size is None else min(sequences, task.held_out_size)
    batches = -(-sequences // AT_ONCE)
    return Confirmation(batches, -(-sequences // batches), fresh)


def meets(row: Row, task: Task) -> bool:
    """Tells whether the evaluation of a line of metrics meets the task's criterion."""
    return _meets(row, "eval", task)


def is_solved(row: Row, task: Task) -> bool:
    """Tells whether the evaluation of a line meets the criterion, and so does its confirmation where there is one."""
    return meets(row, task) and ("confirmed_loss" not in row or _meets(row, "confirmed", task))


def _meets(row: Row, kind: str, task: Task) -> bool:
    if f"{kind}_loss" not in row:
        return False
    loss, error = (math.nan if row[f"{kind}_{name}"] is None else row[f"{kind}_{name}"] for name in ("loss", "error"))
    return bool(task.solved(loss, error))
