"""The figure of the gain of batch normalisation."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np

from experiments.common.plotting import LN10, Drawing, Rows, new_figure, powers_of_ten, styled


@styled
def draw(measured: Mapping[float, np.ndarray], config: Any) -> Drawing:
    """Draws the norm of dL/dh_t against t for every gain."""
    figure, axes = new_figure(1, 1, width=6.8, height=4.4)
    ax = axes[0, 0]
    rows = Rows("gain", "time_step", "log_norm_median_nats")
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(measured)))
    for shade, (gain, norms) in zip(shades, measured.items(), strict=True):
        middle = np.median(norms, axis=0) / LN10
        t = np.arange(1, len(middle) + 1)
        ax.plot(t, middle, color=shade, label=f"{gain:g}")
        rows.add(gain, t - 1, middle * LN10)
    powers_of_ten(ax.yaxis)
    ax.set_xlabel("step t")
    ax.set_ylabel("norm of ∂L/∂h$_t$")
    figure.legend(*ax.get_legend_handles_labels(), title="gain γ", loc="outside right upper")
    caption = (
        "Norm of the gradient with respect to the hidden state at step t (root mean square over "
        f"{config.batch} examples, median of {config.seeds} networks) of a batch-normalised tanh RNN of "
        f"{config.hidden_size} units before training, statistics those of the batch; {config.tasks}, every input "
        f"{config.repeat} steps long, classified after the last. As figure 1a of Cooijmans et al. (2017)."
    )
    return Drawing("batch_norm_gain", "Gradient norm over time by gain", figure, rows.columns, caption)
