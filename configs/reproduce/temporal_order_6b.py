"""Hochreiter & Schmidhuber (1997), table 9, experiment 6b: an LSTM of a few units puts three symbols in order.

Claim: it does after 571,100 sequences in the mean, with 308 weights, learning online; two symbols, experiment 6a, take
31,390. Here Adam, batches of 8, 6 units, a forget gate open at first where theirs has none: what can be compared is the
order of magnitude, in sequences, which are steps times 8.

    python -m experiments.train --config=configs/reproduce/temporal_order_6b.py --workdir=runs/reproduce_6b

Duration: about ten minutes on two CPU cores, estimated from experiment 6a
Expect:   docs/reproductions.md says what came out
"""

from configs.reproduce import temporal_order_6a


def get_config():
    """Returns the configuration."""
    config = temporal_order_6a.get_config()
    config.update({"tasks": "temporal_order(100, symbols=3, variant='hochreiter')", "hidden_size": 6, "steps": 40_000})
    config.update({"log_every": 500, "eval_every": 500})
    return config
