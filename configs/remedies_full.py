"""What eases vanishing and exploding gradients while the cell stays: every remedy, on three tasks, at four lengths.

Asks: which remedies let RNN, LSTM and GRU learn dependencies that they do not learn as they are, at two widths, and at
what cost?

    python -m experiments.remedies --config=configs/remedies_full.py --workdir=runs/remedies_full

On a cluster with --launcher=slurm --slurm=timeout_min=240,cpus_per_task=2 as well.

Duration: weeks on two CPU cores: meant for a cluster, or for a part of it: --config.tasks=copy --config.lengths=50
Expect:   a table of the time to success with intervals, from 16 seeds of each kind
"""

from configs import remedies_middle


def get_config():
    """Returns the configuration.

    Every width is tuned for itself. muP (Yang & Hu 2021; Yang et al. 2022) would carry a learning rate over from one
    width to another, but it has no rule for remedies that change the gradient, the start or the constraint; and a rate
    that suits each width is fair to each.
    """
    config = remedies_middle.get_config()
    config.update({"tasks": ("temporal_order", "adding", "copy"), "lengths": (50, 100, 200, 400), "seeds": 16})
    config.update({"train": {"hidden_sizes": (32, 128), "steps": 20_000, "log_every": 250, "eval_every": 500}})
    config.update({"train": {"learning_rates": (3e-4, 1e-3, 3e-3, 1e-2)}, "tuning": {"seeds": 4, "steps": 10_000}})
    return config
