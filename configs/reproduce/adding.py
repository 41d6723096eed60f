"""Steps that an LSTM takes to learn to add over 100 steps, by how its forget gate starts.

Claim: with its forget gate open at first an LSTM learns sooner, sooner still with gate biases spread over the time
scales of the task (chrono, Tallec & Ollivier 2018); a tanh network does not within 4,000 steps.

    python -m experiments.remedies --config=configs/reproduce/adding.py --workdir=runs/reproduce_adding

Duration: half an hour on two CPU cores
Expect:   docs/reproductions.md says what came out
"""

from configs import remedies


def get_config():
    """Returns the configuration."""
    config = remedies.get_config()
    train = {
        "hidden_sizes": (64,),
        "steps": 4000,
        "batch": 32,
        "learning_rates": (2e-3,),
        "log_every": 50,
        "eval_every": 50,
    }
    config.update({"cells": ("rnn", "lstm"), "tasks": ("adding",), "lengths": (100,), "seeds": 20, "train": train})
    config.remedies = ("clip_norm(1.0)", "clip_norm(1.0)+forget_bias(0.0)", "clip_norm(1.0)+chrono_start")
    return config
