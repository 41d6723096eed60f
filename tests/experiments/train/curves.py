"""Curves as a training leaves them, made up, and the training that they would be of."""

import types

import numpy as np

from experiments.training.measure import Flow
from experiments.training.results import Curve
from experiments.training.success import confirmation
from recurrax.tasks.adding import Adding
from tests.experiments.training.small import config


def curve(seed=0, *, solved=True, diverged=False, confirmed=None, error=0.25):
    """Returns a curve of two evaluations, the second of which meets the criterion of the adding task or does not.

    Args:
      seed: of the curve.
      solved: whether it meets the criterion.
      diverged: whether the training comes to NaN after it.
      confirmed: loss on the sequences that it is confirmed on; None for one that meets the criterion too.
      error: share of wrong answers at the second evaluation.
    """
    rows = [
        {"step": 0, "seed": seed, "eval_loss": 0.2, "eval_error": 1.0, "gradient_norms": True},
        {"step": 2, "seed": seed, "loss": None, "largest_gradient": 1.0},
        {"step": 4, "seed": seed, "loss": 0.1, "largest_gradient": 2.0, "eval_loss": 0.001 if solved else 0.1,
         "eval_error": error, "gradient_norms": True},
    ]  # fmt: skip
    if solved:
        rows[-1] |= {"confirmed_loss": 0.0015 if confirmed is None else confirmed, "confirmed_error": 0.3}
    if diverged:
        rows.append({"step": 6, "seed": seed, "diverged": True})
    slope = -0.5 - 0.1 * seed
    return Curve(seed, rows, {step: flow(slope + 0.1 * step) for step in (0, 4)})


def flow(slope):
    """Returns the flow through two sequences, whose log norm falls by that slope over four steps."""
    return Flow(slope * np.arange(5.0)[:, None] + np.arange(2), np.array([4, 4]))


def trainer(**unroll_arguments):
    """Returns what of a trainer a report is made of."""
    made, task = config(eval_batches=20), Adding(24)
    return types.SimpleNamespace(
        config=made, task=task, confirmation=confirmation(task, made.confirm), unroll_arguments=unroll_arguments
    )
