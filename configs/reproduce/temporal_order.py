"""Pascanu, Mikolov & Bengio (2013), figure 7: clipping and Omega on the temporal-order task, by length.

Claim: gradient descent on a tanh network solves it at short lengths only, with clipping at longer ones, with clipping
and the regulariser Omega at all of theirs, up to 200. They allow five million updates, this one 20,000, so lengths
are short.

    python -m experiments.remedies --config=configs/reproduce/temporal_order.py --workdir=runs/reproduce_temporal_order

Duration: three quarters of an hour on two CPU cores
Expect:   docs/reproductions.md says what came out
"""

from configs import remedies


def get_config():
    """Returns the configuration; their smart tanh start has spectral radius 0.95, learning rate 0.01, threshold 1."""
    config = remedies.get_config()
    train = {"hidden_sizes": (50,), "optimizer": "sgd", "learning_rates": (0.01,), "batch": 20, "steps": 20_000}
    train |= {"log_every": 500, "eval_every": 500, "eval_batches": 50}
    config.update(
        {"cells": ("rnn",), "tasks": ("temporal_order",), "lengths": (20, 30, 40, 50), "seeds": 20, "train": train}
    )
    start = "gaussian_start(0.95)"
    config.remedies = (start, f"{start}+clip_norm(1.0)", f"{start}+clip_norm(1.0)+omega(4.0)")
    return config
