"""Mean field, isometry and spectra of wide random networks, theory beside simulation.

Claim: mean and variance of the squared singular values of a step are those of mean-field theory, for tanh networks and
for the minimalRNN, whose published critical point (sigma_w 6.88, sigma_v 1.39, R 0.46, mu 0) has chi = 0.9988 (Chen,
Pennington & Schoenholz 2018; for gated cells Gilboa et al. 2019). The eigenvalues of GRU and LSTM lie within the curves
of random-matrix theory (Can, Krishnamurthy & Schwab 2020).

    python -m experiments.reproduce.mean_field_spectra --workdir=runs/mean_field_spectra

Duration: a minute of one CPU core
Expect:   differences of about one per cent, none of which is told from chance, except for the state of the minimalRNN,
          whose gates have a memory that the theory leaves out: Q* lies 8 % below it
"""

import ml_collections


def get_config():
    """Returns the configuration."""
    config = ml_collections.ConfigDict()
    config.weight_variances = (1.0, 2.0)
    config.input_variance = 0.25
    config.gains = (1.5, 3.0)
    config.hidden_size = 500
    config.settle = 200
    config.seeds = 20
    config.seed = 0
    return config
