"""Curves as a training leaves them, made up."""

import numpy as np

from experiments.training.measure import Flow
from experiments.training.results import Curve


def curve(seed=0, *, solved=True, diverged=False):
    """Returns a curve of two evaluations, the second of which meets the criterion of the adding task or does not."""
    loss = 0.001 if solved else 0.1
    rows = [
        {"step": 0, "seed": seed, "eval_loss": 0.2, "eval_error": 1.0, "gradient_norms": True},
        {"step": 2, "seed": seed, "loss": None, "largest_gradient": 1.0},
        {"step": 4, "seed": seed, "loss": 0.1, "largest_gradient": 2.0, "eval_loss": loss, "eval_error": 0.25},
    ]
    if diverged:
        rows.append({"step": 6, "seed": seed, "diverged": True})
    norms = np.linspace(0.0, -3.0, 5)[:, None] + np.arange(2)
    flows = {step: Flow(norms - 0.1 * step, np.array([4, 4])) for step in range(0, 14, 2)}
    return Curve(seed, rows, flows)
