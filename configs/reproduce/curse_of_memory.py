"""The curse of memory: as a unit remembers longer, its state changes ever more with its weight.

Claim: E[(dh/dlambda)^2] of a linear unit is that of the closed form (Zucchet & Orvieto 2024), 2.5e5 at lambda = 0.99
for uncorrelated inputs and twenty times that for inputs of correlation 0.9, though no gradient vanishes or explodes.

    python -m experiments.reproduce.curse_of_memory --workdir=runs/curse_of_memory

Duration: half a minute on two CPU cores
Expect:   points on the lines, within their errors
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.weights = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
    config.correlations = (0.0, 0.9)
    config.samples = 4000
    config.seed = 0
    return config
