r"""What eases vanishing and exploding gradients while the cell stays: every remedy beside the cell as it is.

Asks: which of all remedies let RNN, LSTM and GRU learn sooner to put two events in order that lie far back, and which
later, at the learning rate that suits the cell and the strength that suits the remedy?

    python -m experiments.remedies --config=configs/remedies_middle.py --workdir=runs/remedies_middle \
        --publish=docs/results/remedies_middle

Duration: some hours on two CPU cores, in pieces: the same command goes on where it stopped
Expect:   docs/results/remedies_middle has what came out
"""

from configs import remedies


def get_config():
    """Returns the configuration; a remedy without strengths to choose from has the one of its paper."""
    config = remedies.get_config()
    config.update({"seeds": 15, "train": {"learning_rates": (1e-3, 4e-3, 1.6e-2, 6.4e-2)}, "tuning": {"steps": 400}})
    config.remedies = (
        "none",
        # How it starts.
        "orthogonal", "identity_start", "gaussian_start", "critical_start", "forget_bias(1|3)", "chrono_start",
        # Gradients.
        "clip_norm(0.1|1)", "clip_norm_on_schedule(10, 1, 500)", "clip_value(0.01|0.1)", "clip_recurrent(0.1|1)",
        "gradient_noise(0.0001|0.01)", "truncate(10)", "truncate_adaptively(0.1)", "hessian_free(iterations=16)",
        # Regularisers and constraints.
        "omega(0.5|2)", "stabilize_norm(0.5|50)", "floss(0.1|1)", "soft_orthogonal(0.01|0.1)", "spectral_margin(0.1)",
        "constrain_orthogonal", "bound_candidate",
        # Normalisation, and paths beside the recurrence.
        "normalize_layer", "normalize_batch(0.1)", "zone_out(0.02|0.1)", "skip_recurrence(8)", "dilate(4)",
        "reconstruct(0.1)",
    )  # fmt: skip
    return config
