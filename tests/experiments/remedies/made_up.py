"""Comparisons and outcomes, made up."""

import numpy as np

from experiments.common.config import from_config
from experiments.remedies.config import Comparison, Trial
from experiments.remedies.results import Outcome


def comparison(**fields):
    recipe = {"hidden_size": 3, "optimizer": "adam", "learning_rate": 0.01, "batch": 2, "steps": 4, "log_every": 2,
              "eval_every": 2, "eval_batches": 1}  # fmt: skip
    plain = {"cells": "rnn", "tasks": "adding", "lengths": (24,), "remedies": "none,clip_norm(1.0)", "seeds": 3,
             "seed": 0, "together": True, "processes": 1, "gradient_norms_batch": 0, "train": recipe}  # fmt: skip
    return from_config(Comparison, plain | fields)


def outcome(remedy, seed, solved_after, reach=0.0):
    log_norms = {0: np.array([0.0, reach * np.log(10)])}
    ended = "not solved" if solved_after is None else "solved"
    return Outcome(Trial("rnn", "adding", 4, remedy, 0, 10), seed, solved_after, ended, log_norms, 1.5)
