"""A network that learned temporal order on short sequences is tested on ones that are up to a hundred times as long.

Claim: one tanh network that was trained on lengths from 50 to 200 makes no mistake among 10,000 sequences of up to
5,000 steps (Pascanu, Mikolov & Bengio 2013, section 4.1.1). They allow five million updates with clipping and Omega;
here an LSTM with Adam, which takes some thousands.

    python -m experiments.reproduce.length_extrapolation --workdir=runs/length_extrapolation

Duration: about half an hour on two CPU cores
Expect:   docs/reproductions.md says what came out
"""

import ml_collections

from configs import train


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.train_lengths = (50, 100, 150, 200)
    config.turn = 50
    config.test_lengths = (500, 1000, 2000, 5000)
    config.sequences = 10_000
    config.train = train.get_config()
    config.train.update({"tasks": "temporal_order", "hidden_size": 50, "remedies": "forget_bias(3.0)+clip_norm(1.0)"})
    config.train.update({"steps": 4000, "batch": 20, "seeds": 5, "stop_when_solved": False})
    config.train.update({"gradient_norms": {"every": 0}})
    return config
