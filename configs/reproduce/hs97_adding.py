"""Hochreiter & Schmidhuber (1997), table 7: an LSTM of a few units learns to add two numbers of a long sequence.

Claim: it does after 74,000 sequences at T = 100, 209,000 at T = 500 and 853,000 at T = 1000, with 93 weights, learning
online at a rate of 0.5. Here Adam, batches of 8, 4 units, a forget gate open at first where theirs has none: what can
be compared is the order of magnitude, in sequences, which are steps times 8. Solved is a mean squared error below about
0.0005, where some 5 % of answers are off by more than 0.04; theirs asks for errors below 0.04, and is stricter.

    python -m experiments.train --config=configs/reproduce/hs97_adding.py --workdir=runs/reproduce_hs97_adding

For T = 500 and 1000: --config.tasks="adding(500, variant='hochreiter')" --config.steps=50000

Duration: three minutes of one CPU core; about 40 for T = 500, 80 for T = 1000, with these steps
Expect:   half of the seeds solve it, after 46,000 sequences in the median; the others stay at chance
"""

from configs.reproduce import temporal_order_6a


def get_config():
    """Returns the configuration."""
    config = temporal_order_6a.get_config()
    config.update({"tasks": "adding(100, variant='hochreiter')", "steps": 20_000})
    return config
