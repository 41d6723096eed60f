"""Every cell of the library side by side: how far does the gradient reach before any training?

Claim: with the defaults of their papers, cells differ by orders of magnitude in how fast the gradient fades with
distance, and the order has little to do with the number of gates.

    python -m experiments.gradient_flow --config=configs/zoo.py --workdir=runs/zoo

Duration: ten to fifteen minutes on two CPU cores, nearly all of it compiling
Expect:   at distance 128, antisymmetric, unitary and exponential RNNs with about all of the gradient left, minGRU and
          minLSTM with less than 1e-35 of it.
"""

from configs import gradient_flow


def get_config():
    """Returns the configuration; `cells` may be any list as well, wrappers and hyper-parameters included."""
    config = gradient_flow.get_config()
    measure = {"batch": 8, "jacobian_batch": 1, "lyapunov_length": 100}
    config.update({"cells": "all", "seeds": 3, "measure": measure, "train": {"snapshots": (0,)}})
    return config
