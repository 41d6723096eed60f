"""The figure of the curse of memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, panel_letter, styled
from recurrax.gradflow import theory


@styled
def draw(measured: Mapping[tuple[float, float], Any], config: Any) -> Drawing:
    """Draws E[(dh/dlambda)^2] against the memory of the unit, measured and exact, and the one over the other."""
    figure, axes = new_figure(1, 2, width=9.6, height=4.0)
    both, ratio = axes[0]
    rows = Rows("weight", "correlation", *(f"sensitivity_{name}" for name in ("measured", "standard_error", "exact")))
    low, high = min(config.weights), max(config.weights)
    fine = 1 - np.geomspace(1 - low, 1 - high, 200)
    weights = np.array(config.weights)
    for n, rho in enumerate(config.correlations):
        got, error = np.array([(measured[w, rho].weight, measured[w, rho].weight_error) for w in weights]).T
        exact = theory.linear_unit_sensitivity(weights, rho).weight
        both.plot(1 / (1 - fine), theory.linear_unit_sensitivity(fine, rho).weight, color=color(n), linestyle=dash(n),
                  label=f"ρ = {rho:g}, closed form")  # fmt: skip
        both.plot(1 / (1 - weights), got, "o", color=color(n), markersize=5, label=f"ρ = {rho:g}, measured")
        # Side by side: points of the same memory would hide each other.
        beside = 1 / (1 - weights) * 1.06 ** (n - (len(config.correlations) - 1) / 2)
        ratio.errorbar(beside, got / exact, yerr=2 * error / exact, fmt="o", color=color(n), markersize=5)
        rows.add(weights, rho, got, error, exact)
    ratio.axhline(1, color="#555555", linestyle=":", linewidth=1.2)
    for n, ax in enumerate(axes[0]):
        ax.set_xscale("log")
        ax.set_xlabel("memory 1 / (1 - λ) (steps)")
        panel_letter(ax, n)
    both.legend()
    both.set_yscale("log")
    both.set_ylabel("E[(∂h/∂λ)²]")
    ratio.set_ylabel("measured / closed form")
    caption = (
        f"a: mean square of the derivative of a linear unit's state by its weight λ, {config.samples} sequences with "
        "inputs of variance 1 and autocorrelation ρ; lines: closed form of Zucchet & Orvieto (2024). b: measured over "
        "exact, in the same colours; bars: two standard errors."
    )
    return Drawing("curse_of_memory", "Sensitivity grows with memory", figure, rows.columns, caption)
