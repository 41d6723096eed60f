"""Gradient flow through a batch-normalised RNN, by the gain of the normalisation.

Claim: at a small gain the gradient keeps its norm over hundreds of steps, at a gain of 1 it vanishes (Cooijmans et
al. 2017, figure 1a, on MNIST pixel by pixel; here on scikit-learn's digits enlarged to 28 by 28,
which need no download).

    python -m experiments.reproduce.batch_norm_gain --workdir=runs/batch_norm_gain

Duration: two minutes on two CPU cores
Expect:   curves that fall the more steeply the greater the gain, as the paper's; with an orthogonal recurrent matrix in
          the place of the identity, with which the paper's code begins, they rise
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.gains = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    config.tasks = "sequential_images"
    config.enlarge = 3
    config.border = 2
    config.hidden_size = 100
    config.batch = 100
    config.seeds = 3
    config.seed = 0
    return config
