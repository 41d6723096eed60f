"""Trains one cell on one task, with or without remedies; here an LSTM on the adding task.

Claim: with its forget gate open at first and gradients clipped, an LSTM of 64 units learns to add two numbers that lie
up to 100 steps back, which is a matter of luck for a tanh network.

    python -m experiments.train --config=configs/train.py --workdir=runs/adding

Duration: about half a minute on two CPU cores
Expect:   the criterion, a mean squared error below 0.002 of 1/6 by chance, after one to three thousand steps
"""

import ml_collections


def get_config():
    """Returns the configuration; every field can be set on the command line, e.g. --config.tasks='copy(50)'."""
    config = ml_collections.ConfigDict()
    config.cells = "lstm"
    config.hidden_size = 64
    config.tasks = "adding(100)"
    config.remedies = "forget_bias(1.0)+clip_norm(1.0)"
    config.optimizer = "adam"
    config.learning_rate = 2e-3
    config.batch = 32
    config.steps = 4000
    config.seed = 0
    config.seeds = 1
    config.log_every = 50
    config.eval_every = 250
    config.eval_batches = 8
    config.confirm = 10_000
    config.save_every = 500
    config.stop_when_solved = True
    config.tensorboard = False
    config.gradient_norms = ml_collections.ConfigDict({"every": 1000, "batch": 16, "dtype": "float64"})
    return config
