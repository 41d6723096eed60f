"""The figure of the bound from singular values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.common.plotting import LN10, Drawing, Rows, color, new_figure, panel_letter, powers_of_ten, styled


@styled
def draw(measured: Mapping[tuple[str, float], Any], config: Any) -> Drawing:
    """Draws norms of products of Jacobians and their bounds against the distance, a panel per activation."""
    activations = list(dict.fromkeys(activation for activation, _ in measured))
    figure, axes = new_figure(1, len(activations), width=9.0, height=3.8)
    rows = Rows("nonlinearity", "gain", "seed", "distance_steps", "log_norm_nats", "log_bound_nats")
    for panel, (ax, activation) in enumerate(zip(axes[0], activations, strict=True)):
        networks = [(gain, m) for (name, gain), m in measured.items() if name == activation]
        for n, (gain, m) in enumerate(networks):
            distance = np.arange(m.log_norms.shape[1])
            ax.fill_between(distance, m.log_norms.min(0) / LN10, m.log_norms.max(0) / LN10,
                            color=color(n), alpha=0.2, linewidth=0)  # fmt: skip
            ax.plot(distance, np.median(m.log_norms, 0) / LN10, color=color(n), label=f"gain {gain:g}")
            ax.plot(distance, np.median(m.log_bounds, 0) / LN10, color=color(n), linestyle=(0, (4, 2)))
            for seed, (norms, bounds) in enumerate(zip(m.log_norms, m.log_bounds, strict=True)):
                rows.add(activation, gain, config.seed + seed, distance, norms, bounds)
        ax.plot([], [], color="#555555", linestyle=(0, (4, 2)), label="bound")
        powers_of_ten(ax.yaxis)
        ax.set_title(activation)
        ax.set_xlabel("distance k (steps)")
        ax.legend(loc="lower left")
        panel_letter(ax, panel)
    axes[0, 0].set_ylabel("norm of ∂h$_T$/∂h$_{T-k}$")
    caption = (
        f"Spectral norm of the product of k Jacobians: median (line) and range (shade) of {config.seeds} random "
        f"networks of {config.hidden_size} units. Dashed, in the same colour: its bound (γσ₁)^k, with γ = 1 for tanh "
        "and 1/4 for the sigmoid. After equations 6 and 7 of Pascanu, Mikolov & Bengio (2013)."
    )
    return Drawing("gradient_bound", "Products of Jacobians and their bound", figure, rows.columns, caption)
