"""Gradient flow through a batch-normalised RNN, by the gain of the normalisation.

Claim: at a small gain the gradient keeps its norm over hundreds of steps, at a gain of 1 it does not (Cooijmans et
al. 2017, figure 1a, on MNIST pixel by pixel; here on scikit-learn's digits with every pixel held for 12 steps, T = 768,
since those need no download).

    python -m experiments.reproduce.batch_norm_gain --workdir=runs/batch_norm_gain

Duration: two minutes on two CPU cores
Expect:   curves that are the steeper the greater the gain; they rise where those of the paper fall
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.gains = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    config.tasks = "sequential_images"
    config.repeat = 12
    config.hidden_size = 100
    config.batch = 100
    config.seeds = 3
    config.seed = 0
    return config
