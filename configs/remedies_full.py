"""What eases vanishing and exploding gradients while the cell stays: every remedy, on three tasks, at four lengths.

Asks: which remedies let RNN, LSTM and GRU learn dependencies that they do not learn as they are, and at what cost?

    python -m experiments.remedies --config=configs/remedies_full.py --workdir=runs/remedies_full

On a cluster with --launcher=slurm --slurm=timeout_min=240,cpus_per_task=2 as well.

Duration: days on two CPU cores: meant for a cluster, or for a part of it: --config.tasks=copy --config.lengths=50
Expect:   a ranking with confidence intervals from ten seeds of each kind
"""

from configs import remedies


def get_config():
    """Returns the configuration."""
    config = remedies.get_config()
    config.update({"tasks": ("temporal_order", "adding", "copy"), "lengths": (50, 100, 200, 400), "seeds": 10})
    config.update({"train": {"hidden_size": 64, "steps": 20_000, "log_every": 250, "eval_every": 500}})
    clipped = (
        # How it starts.
        "orthogonal", "identity_start", "critical_start", "forget_bias(1.0)", "forget_bias(3.0)", "chrono_start",
        # Gradients.
        "clip_recurrent(1.0)", "truncate(20)", "truncate_adaptively(0.1)",
        # Regularisers and constraints.
        "omega(2.0)", "stabilize_norm(50.0)", "floss(1.0)", "soft_orthogonal(0.1)", "spectral_margin(0.1)",
        "constrain_orthogonal", "bound_candidate",
        # Normalisation, and paths beside the recurrence.
        "normalize_layer", "normalize_batch(0.1)", "zone_out(0.1)", "skip_recurrence(8)", "dilate(4)",
        "reconstruct(0.1)",
    )  # fmt: skip
    config.remedies = ("none", "clip_norm(1.0)", *(f"clip_norm(1.0)+{remedy}" for remedy in clipped))
    return config
