"""What a training came to, as sentences and a table made of its numbers."""

from collections.abc import Sequence

import numpy as np

from experiments.common.rates import Rate
from experiments.common.report import Table
from experiments.training.config import Training
from experiments.training.results import Curve
from experiments.training.trainer import Trainer
from recurrax.tasks.task import Task


def findings(curves: Sequence[Curve], trainer: Trainer) -> list[str]:
    """Returns sentences: whether the task was solved, what diverged, and how far from guessing the end is."""
    task = trainer.task
    sentences = [f"{_success(curves, task)} (held-out {task.solved.measure} below {task.solved.below:.3g})."]
    for curve in curves:
        if curve.diverged_in is not None:
            sentences.append(f"Seed {curve.seed} diverged in step {curve.diverged_in}.")
    if back := trainer.unroll_arguments.get("truncate_every"):
        sentences.append(f"Gradients went back {back} steps at most.")
    loss, error = (np.median([c.evaluated[-1][name] for c in curves]) for name in ("eval_loss", "eval_error"))
    return [
        *sentences,
        f"At the end: loss {loss:.3g} where guessing gives {task.chance.loss:.3g}, "
        f"{error:.1%} wrong where guessing gives {task.chance.error:.1%}"
        f"{'' if len(curves) == 1 else ' (medians over seeds)'}.",
    ]


def _success(curves: Sequence[Curve], task: Task) -> str:
    solved = [steps for curve in curves if (steps := curve.solved_after(task)) is not None]
    if len(curves) == 1:
        if solved:
            return f"Solved after {solved[0]} steps"
        return f"Not solved within {curves[0].evaluated[-1]['step']} steps"
    sentence = f"Solved from {Rate.of_counts(len(solved), len(curves))} seeds"
    if solved:
        sentence += f", after {np.median(solved):.0f} steps in the median ({min(solved)} to {max(solved)})"
    return sentence


def evaluations(curves: Sequence[Curve], config: Training) -> Table:
    """Returns the table of all evaluations."""
    rows = [
        (str(row["seed"]), str(row["step"]), f"{row['eval_loss']:.4g}", f"{row['eval_error']:.2%}")
        for curve in curves
        for row in curve.evaluated
    ]
    note = f"{config.eval_batches * config.batch} held-out sequences, the same every time."
    return Table("Evaluations", ("seed", "step", "loss", "wrong"), rows, note)
