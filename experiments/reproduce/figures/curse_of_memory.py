"""The figure of the curse of memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, styled
from recurrax.gradflow import theory


@styled
def draw(measured: Mapping[tuple[float, float], Any], config: Any) -> Drawing:
    """Draws E[(dh/dlambda)^2] against the memory of the unit, measured and exact."""
    figure, axes = new_figure(1, 1, width=6.4, height=4.2)
    ax = axes[0, 0]
    rows = Rows("weight", "correlation", *(f"sensitivity_{name}" for name in ("measured", "standard_error", "exact")))
    low, high = min(config.weights), max(config.weights)
    fine = 1 - np.geomspace(1 - low, 1 - high, 200)
    for n, rho in enumerate(config.correlations):
        points = [(w, measured[w, rho]) for w in config.weights]
        ax.plot(1 / (1 - fine), theory.linear_unit_sensitivity(fine, rho).weight, color=color(n), linestyle=dash(n),
                label=f"ρ = {rho:g}, closed form")  # fmt: skip
        ax.errorbar([1 / (1 - w) for w, _ in points], [m.weight for _, m in points],
                    yerr=[2 * m.weight_error for _, m in points], fmt="o", color=color(n), markersize=5,
                    label=f"ρ = {rho:g}, measured")  # fmt: skip
        for w, m in points:
            exact = float(theory.linear_unit_sensitivity(w, rho).weight)
            rows.add(w, rho, m.weight, m.weight_error, exact)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("memory 1 / (1 - λ) (steps)")
    ax.set_ylabel("E[(∂h/∂λ)²]")
    ax.legend()
    caption = (
        f"Mean square of the derivative of a linear unit's state by its weight, {config.samples} sequences, bars: two "
        "standard errors. Inputs of variance 1 and autocorrelation ρ. Lines: closed form of Zucchet & Orvieto (2024)."
    )
    return Drawing("curse_of_memory", "Sensitivity grows with memory", figure, rows.columns, caption)
