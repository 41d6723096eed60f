"""What eases vanishing and exploding gradients while the cell stays: a small comparison of remedies.

Asks: does what the gradient keeps over a sequence before training, which the start of the weights decides, tell which
networks learn to put two events in order that lie that far back?

    python -m experiments.remedies --config=configs/remedies.py --workdir=runs/remedies

Duration: six minutes on two CPU cores, more than half of it starting and compiling 22 programs of five seeds each
Expect:   a ranking with confidence intervals; five seeds tell apart large differences only, so more for a paper
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.cells = ("rnn", "lstm", "gru")
    config.tasks = ("temporal_order",)
    config.lengths = (50, 100)
    config.remedies = (
        "none",
        "clip_norm(1.0)",
        "clip_norm(1.0)+identity_start",
        "clip_norm(1.0)+forget_bias(2.0)",
    )
    config.seeds = 5
    config.seed = 0
    config.together = True
    config.processes = 0
    config.gradient_norms_batch = 16
    config.train = ml_collections.ConfigDict()
    config.train.hidden_size = 32
    config.train.optimizer = "adam"
    config.train.learning_rate = 2e-3
    config.train.batch = 32
    config.train.steps = 1000
    config.train.log_every = 100
    config.train.eval_every = 100
    config.train.eval_batches = 8
    return config
