"""Gradient flossing on the delayed exclusive or (Engelken 2023), at a size that a laptop does.

Claim: drawing the leading Lyapunov exponents to zero lets a tanh network learn dependencies that it would not
otherwise. The paper has 80 units, delay 10, 300 steps, and flosses for 500 epochs before training and at times during
it; here 32 units, delay 10, 100 steps, and the penalty is in the loss of every step.

    python -m experiments.remedies --config=configs/reproduce/delayed_xor.py --workdir=runs/reproduce_delayed_xor

Duration: four minutes of one CPU core
Expect:   all twelve seeds solve it with flossing, half of them without; a step with flossing takes 2.4 times as long
"""

from configs import remedies


def get_config():
    """Returns the configuration."""
    config = remedies.get_config()
    train = {"hidden_sizes": (32,), "learning_rates": (1e-3,), "batch": 16, "steps": 5000}
    train |= {"log_every": 100, "eval_every": 100}
    config.update({"cells": ("rnn",), "lengths": (100,), "seeds": 12, "train": train})
    config.tasks = ("delayed_xor(delay=10)",)
    start = "gaussian_start(1.0)+clip_norm(1.0)"
    config.remedies = (start, f"{start}+floss(1.0, exponents=8)", "orthogonal+clip_norm(1.0)")
    return config
