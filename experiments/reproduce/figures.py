"""The figures of the reproductions."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np

from experiments.common.plotting import Drawing, color, dash, new_figure, powers_of_ten, styled
from recurrax.gradflow import theory

LN10 = np.log(10)


@styled
def curse(measured: Mapping[tuple[float, float], Any], config: Any) -> Drawing:
    """Draws E[(dh/dlambda)^2] against the memory of the unit, measured and exact."""
    figure, axes = new_figure(1, 1, width=6.4, height=4.2)
    ax = axes[0, 0]
    columns = ("weight", "correlation", "measured", "standard_error", "exact")
    table: dict[str, list] = {name: [] for name in columns}
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
            for name, value in zip(columns, (w, rho, m.weight, m.weight_error, exact), strict=True):
                table[name].append(value)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("memory 1 / (1 - λ) (steps)")
    ax.set_ylabel("E[(∂h/∂λ)²]")
    ax.legend()
    caption = (
        f"Mean square of the derivative of a linear unit's state by its weight, {config.samples} sequences, bars: two "
        "standard errors. Inputs of variance 1 and autocorrelation ρ. Lines: closed form of Zucchet & Orvieto (2024)."
    )
    return Drawing("curse_of_memory", "Sensitivity grows with memory", figure, table, caption)


@styled
def batch_norm_gain(measured: Mapping[float, np.ndarray], config: Any) -> Drawing:
    """Draws the norm of dL/dh_t against t for every gain."""
    figure, axes = new_figure(1, 1, width=6.8, height=4.4)
    ax = axes[0, 0]
    table: dict[str, list] = {name: [] for name in ("gain", "t", "log10_norm")}
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(measured)))
    for shade, (gain, norms) in zip(shades, measured.items(), strict=True):
        middle = np.median(norms, axis=0) / LN10
        ax.plot(np.arange(1, len(middle) + 1), middle, color=shade, label=f"{gain:g}")
        for t, value in enumerate(middle, 1):
            for name, entry in zip(table, (gain, t, value), strict=True):
                table[name].append(entry)
    powers_of_ten(ax.yaxis)
    ax.set_xlabel("step t")
    ax.set_ylabel("norm of ∂L/∂h$_t$")
    figure.legend(*ax.get_legend_handles_labels(), title="gain γ", loc="outside right upper")
    caption = (
        f"Norm of the gradient with respect to the hidden state at step t (root mean square over {config.batch} examples, "
        f"median of {config.seeds} networks) of a batch-normalised tanh RNN of {config.hidden_size} units before training, "
        f"statistics those of the batch; {config.tasks}, every input {config.repeat} steps long, classified after the last. "
        "As figure 1a of Cooijmans et al. (2017)."
    )
    return Drawing("batch_norm_gain", "Gradient norm over time by gain", figure, table, caption)
