"""How far lines of metrics reach: whether they are all that a training wrote before a checkpoint, or to its end."""

import math
from collections.abc import Sequence

from experiments.training.config import Training
from experiments.training.metrics import Row
from experiments.training.success import is_solved
from recurrax.tasks.task import Task


def covered(rows: Sequence[Row], config: Training, task: Task) -> float:
    """Returns the greatest step of a checkpoint before which no line is missing; infinity where the training is over.

    The lines of the step itself may be missing: a training that has to leave saves what it has first.
    """
    own: dict[int, list[Row]] = {}
    for row in rows:
        own.setdefault(row["seed"], []).append(row)
    if len(own) < config.seeds:
        return 0
    return min(_covered(lines, config, task) for lines in own.values())


def is_whole(rows: Sequence[Row], config: Training, task: Task, step: int) -> bool:
    """Tells whether the lines of a step that they cover are all there, or none."""
    there = {row["seed"] for row in rows if row["step"] == step and not row.get("diverged")}
    return not there or covered(rows, config, task) > step


def ended_before(rows: Sequence[Row], config: Training) -> bool:
    """Tells whether a line was written at the end of a training of fewer steps, where this one has none or another."""
    return any(_is_extra(row, config) for row in rows)


def _is_extra(row: Row, config: Training) -> bool:
    """Tells whether a line has what only the last one of a training may have at its step."""
    step = row["step"]
    if step == config.steps or row.get("diverged"):
        return False
    return step % config.log_every > 0 or ("eval_loss" in row and step % config.eval_every > 0)


def _covered(rows: Sequence[Row], config: Training, task: Task) -> float:
    """Returns the same for the lines of one seed."""
    lines = [row for row in rows if not row.get("diverged")]
    diverged = next((row["step"] for row in rows if row.get("diverged")), math.inf)
    due = 0
    for line in lines:
        if _is_extra(line, config):  # nor has a longer training the state after it
            return min(due, line["step"] - 1)
        if line["step"] != due:
            break
        if due == config.steps or (config.stop_when_solved and is_solved(line, task)):
            return math.inf
        due = min(due + config.log_every, config.steps)
    return math.inf if diverged <= due else due
