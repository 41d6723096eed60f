"""The copy task at T = 500 by chrono biases, for a GPU.

Claim: an LSTM whose gate biases are spread over the time scales of the task learns to copy over 500 steps, to below the
10 ln 8 / 520 = 0.0400 nats of an answer without memory; one with a forget bias of 1 does not (Tallec & Ollivier
2018). A public replication found neither below it after 30,000 batches (github.com/atremblay/chronoRNN).

    python -m experiments.train --config=configs/reproduce/copy_500_full.py --workdir=runs/copy_500
    python -m experiments.train --config=configs/reproduce/copy_500_full.py --workdir=runs/copy_500_one \
        --config.remedies="forget_bias(1.0)+clip_norm(1.0)"

Duration: half an hour each on a GPU, by estimate; a day on two CPU cores
Expect:   not run yet
"""

from configs import train


def get_config():
    """Returns the configuration."""
    config = train.get_config()
    config.update({"tasks": "copy(500)", "hidden_size": 128, "remedies": "chrono_start+clip_norm(1.0)", "seeds": 3})
    config.update(
        {"optimizer": "rmsprop", "learning_rate": 1e-3, "steps": 50_000, "log_every": 500, "eval_every": 1000}
    )
    config.update({"gradient_norms": {"every": 10_000}, "save_every": 1000})
    return config
