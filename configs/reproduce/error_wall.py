"""The wall in the error of one recurrent unit, and what clipping does at it.

Claim: the error of a unit that is run for 50 steps has a wall where its state jumps from one fixed point to another
(Pascanu, Mikolov & Bengio 2013, figures 3 and 6). Plain gradient descent is thrown far away from it, clipped descent is
not.

    python -m experiments.reproduce.error_wall --workdir=runs/error_wall

Duration: ten seconds on two CPU cores
Expect:   a greatest gradient of 3320 at w = 4.94, b = -2.575 where the median is 0.060; folds at b = -2.655610 and
          -2.344390 for w = 5; an error of 0.09 after plain descent, of 0.00054 after clipped descent
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.steps = 50
    config.points = 301
    config.learning_rate = 0.5
    config.threshold = 0.1
    config.start_weight = 5.5
    config.start_bias = -2.6
    config.updates = 100
    return config
