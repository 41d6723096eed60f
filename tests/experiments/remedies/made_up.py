"""Comparisons and outcomes, made up."""

import math

import numpy as np

from experiments.common.config import from_config
from experiments.remedies.config import Comparison, Kind, Setting
from experiments.remedies.results import Outcome


def comparison(**fields):
    recipe = {"hidden_sizes": (3,), "optimizer": "adam", "learning_rates": (0.01,), "batch": 2, "steps": 4,
              "log_every": 2, "eval_every": 2, "eval_batches": 1}  # fmt: skip
    plain = {"cells": "rnn", "tasks": "adding", "lengths": (24,), "remedies": "none,clip_norm(1.0)", "seeds": 3,
             "seed": 0, "together": True, "processes": 1, "gradient_norms_batch": 0, "train": recipe,
             "tuning": {"seeds": 2, "seed": 1000, "steps": 2}}  # fmt: skip
    return from_config(Comparison, plain | {**fields, "train": recipe | fields.get("train", {})})


def kind(remedy="none", cell="rnn", length=24, task="adding", size=3):
    return Kind(cell, size, task, length, remedy)


def outcome(remedy, seed, solved_after, reach=0.0, *, horizon=1000, tuning=False, rate=0.01, loss=0.1, **of_kind):
    """An outcome; a remedy that does not solve its task has `solved_after` None."""
    log_norms = {0: np.array([0.0, reach])}
    ended = "not solved" if solved_after is None else "solved"
    setting = Setting(remedy, rate)
    return Outcome(
        kind(remedy, **of_kind), setting, seed, tuning, ended, solved_after, horizon, loss, 0.5, math.nan, log_norms
    )


def report(config, times):
    """Outcomes of a whole report, of time to success by kind and seed, where infinite ones are none."""
    horizon = config.train.steps
    return [
        Outcome(k, Setting(k.remedy, 0.01), seed, False, "solved" if time <= horizon else "not solved",
                int(time) if time <= horizon else None, horizon, 0.1, 0.5, math.nan, {})
        for k in config.kinds for seed, time in enumerate(times[k])
    ]  # fmt: skip
