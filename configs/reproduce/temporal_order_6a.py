"""Hochreiter & Schmidhuber (1997), experiment 6a: an LSTM of a few units puts two symbols of long ago in order.

Claim: they solve it after 31,390 sequences in the mean, with 156 weights, learning online. Here Adam, batches of 8, 4
units and 228 weights, a forget gate open at first where theirs has none: what can be compared is the order
of magnitude.

    python -m experiments.train --config=configs/reproduce/temporal_order_6a.py --workdir=runs/reproduce_6a

Duration: two minutes on two CPU cores
Expect:   half of the seeds solve it, most of them within 1,000 steps, of 8 sequences each; the others stay at chance
"""

from configs import train


def get_config():
    """Returns the configuration."""
    config = train.get_config()
    config.update({"hidden_size": 4, "tasks": "temporal_order(100, variant='hochreiter')", "learning_rate": 0.01})
    config.update(
        {"remedies": "forget_bias(5.0)+clip_norm(1.0)", "batch": 8, "steps": 10_000, "seeds": 20, "eval_batches": 64}
    )
    config.update({"gradient_norms": {"every": 0}})
    return config
