"""Hochreiter & Schmidhuber (1997), table 8: an LSTM of a few units learns to multiply two numbers of a long sequence.

Claim: it does after 482,000 sequences at T = 100, to a coarse criterion, and 1,273,000 to a finer one, with 93 weights,
learning online. Here Adam, batches of 8, 4 units, a forget gate open at first where theirs has none: what can be
compared is the order of magnitude, in sequences, which are steps times 8.

    python -m experiments.train --config=configs/reproduce/hs97_multiplication.py --workdir=runs/reproduce_hs97_mul

Duration: about ten minutes on two CPU cores, estimated from adding
Expect:   docs/reproductions.md says what came out
"""

from configs.reproduce import temporal_order_6a


def get_config():
    """Returns the configuration."""
    config = temporal_order_6a.get_config()
    config.update({"tasks": "multiplication(100, variant='hochreiter')", "steps": 60_000})
    config.update({"log_every": 500, "eval_every": 500})
    return config
