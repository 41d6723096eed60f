"""What eases vanishing and exploding gradients while the cell stays: a small comparison of remedies.

Asks: which start or clip lets a network learn sooner to put two events in order that lie far back, and does what the
gradient keeps over a sequence before training tell so?

    python -m experiments.remedies --config=configs/remedies.py --workdir=runs/remedies

Duration: ten minutes at most on two CPU cores
Expect:   each at its own learning rate, an LSTM with identity start (0.001) needs 580 steps more (425 to 733; p = 0.016
          after Holm) than as it is (0.004); ten seeds tell none of the other seven differences after that adjustment
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.cells = ("rnn", "lstm", "gru")
    config.tasks = ("temporal_order",)
    config.lengths = (60,)
    config.remedies = ("none", "clip_norm(0.1|1)", "identity_start", "forget_bias(2.0)")
    config.seeds = 10
    config.seed = 0
    config.together = True
    config.processes = 0
    config.gradient_norms_batch = 16
    config.train = ml_collections.ConfigDict()
    config.train.hidden_sizes = (32,)
    config.train.optimizer = "adam"
    config.train.learning_rates = (2.5e-4, 1e-3, 4e-3, 1.6e-2, 6.4e-2)
    config.train.batch = 32
    config.train.steps = 1000
    config.train.log_every = 50
    config.train.eval_every = 50
    config.train.eval_batches = 8
    config.tuning = ml_collections.ConfigDict({"seeds": 3, "seed": 1000, "steps": 500})
    return config
