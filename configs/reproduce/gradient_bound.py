"""The bound on gradients from the singular values of the recurrent matrix, and how loose it is.

Claim: the norm of a product of k Jacobians is at most (gamma sigma_1)^k, so that gradients vanish where gamma sigma_1
< 1 (Pascanu, Mikolov & Bengio 2013, equations 6 and 7).

    python -m experiments.reproduce.gradient_bound --workdir=runs/gradient_bound

Duration: a minute on two CPU cores
Expect:   no product above its bound; products that vanish where the bound explodes
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.tanh_gains = (0.4, 0.8, 1.2)
    config.sigmoid_gains = (1.6, 3.2, 6.4)
    config.hidden_size = 64
    config.steps = 50
    config.seeds = 5
    config.seed = 0
    return config
