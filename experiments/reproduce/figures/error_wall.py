"""The figure of the error's wall."""

from typing import Any

import numpy as np
import scipy.special

from experiments.common.plotting import Drawing, Rows, color, new_figure, panel_letter, styled


@styled
def draw(
    weights: np.ndarray, biases: np.ndarray, surface: Any, plain: np.ndarray, clipped: np.ndarray, config: Any
) -> Drawing:
    """Draws the fixed points of a unit, and the error over weight and bias with two descents on it."""
    from experiments.reproduce.error_wall import folds

    figure, axes = new_figure(1, 2, width=9.6, height=4.2, width_ratios=(1, 1.35))
    left, right = axes[0]
    x = np.linspace(-6, 6, 2000)
    shares = scipy.special.expit(x)
    stable = 5.0 * shares * (1 - shares) < 1
    fixed = x - 5.0 * shares
    left.plot(np.where(stable, fixed, np.nan), x, color=color(1), label="stable")
    left.plot(np.where(stable, np.nan, fixed), x, color=color(1), linestyle=(0, (2, 2)), label="unstable")
    for n, fold in enumerate(folds(5.0)):
        left.axvline(fold, color="#555555", linestyle=":", linewidth=1.2)
        left.annotate(f"{fold:.4f}", (fold, 5.2), ha="right" if n == 0 else "left", fontsize=9,
                      xytext=(-4 if n == 0 else 4, 0), textcoords="offset points")  # fmt: skip
    left.set_xlim(-3.2, -1.8)
    left.set_ylim(-4, 6)
    left.set_xlabel("bias b (w = 5)")
    left.set_ylabel("fixed point x")
    left.legend(loc="lower right")
    mesh = right.pcolormesh(biases, weights, surface.error, cmap="viridis", rasterized=True, shading="nearest")
    figure.colorbar(mesh, ax=right, label="error")
    right.plot(plain[:, 1], plain[:, 0], "o-", color=color(0), markersize=3, linewidth=1.2, label="gradient descent")
    right.plot(clipped[:, 1], clipped[:, 0], "s-", color="white", markersize=2, linewidth=0.8, label="clipped")
    right.plot(plain[0, 1], plain[0, 0], "*", color="white", markeredgecolor="black", markersize=12, linestyle="",
               label="start of both")  # fmt: skip
    right.set_xlim(biases[0], biases[-1])
    right.set_ylim(weights[0], weights[-1])
    right.set_xlabel("bias b")
    right.set_ylabel("weight w")
    right.grid(False)
    legend = right.legend(loc="upper right", facecolor="#999999", framealpha=0.9)
    legend.set_zorder(5)
    for n, ax in enumerate(axes[0]):
        panel_letter(ax, n)
    rows = Rows("weight", "bias", "squared_error", "gradient_norm")
    for n, weight in enumerate(weights):
        rows.add(weight, biases, surface.error[n], surface.norm[n])
    caption = (
        "Left: fixed points of x = 5 sigmoid(x) + b; between the dotted folds there are two stable ones. Right: error "
        f"(sigmoid(x_T) - 0.7)² of the unit after T = {config.steps} steps from x = 0.5, with {config.updates} steps "
        f"of gradient descent at a learning rate of {config.learning_rate:g}, plain and with the gradient clipped to a "
        f"norm of {config.threshold:g}; what leaves the frame is cut off. After figures 3 and 6 of Pascanu, Mikolov & "
        "Bengio (2013)."
    )
    return Drawing("error_wall", "Fixed points and the wall", figure, rows.columns, caption)
