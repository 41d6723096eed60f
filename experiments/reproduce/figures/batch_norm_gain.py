"""The figure of the gain of batch normalisation."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np

from experiments.common.plotting import LN10, Drawing, Rows, new_figure, panel_letter, powers_of_ten, styled


@styled
def draw(measured: Mapping[str, Mapping[float, Any]], config: Any) -> Drawing:
    """Draws the norm of dL/dh_t against t for every gain, a panel per setting."""
    figure, axes = new_figure(1, len(measured), width=9.0, height=4.0, sharey=True)
    rows = Rows("setting", "gain", "time_step", "log_norm_median_nats")
    for n, (ax, (name, flows)) in enumerate(zip(axes[0], measured.items(), strict=True)):
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(flows)))
        for shade, (gain, flow) in zip(shades, flows.items(), strict=True):
            middle = np.median(flow.log_norms, axis=0)
            t = np.arange(1, len(middle) + 1)
            ax.plot(t, middle / LN10, color=shade, label=f"{gain:g}")
            rows.add(name, gain, t - 1, middle)
        powers_of_ten(ax.yaxis)
        ax.set_xlabel("step t")
        ax.set_title(name, fontsize=10)
        panel_letter(ax, n)
    axes[0, 0].set_ylabel("norm of ∂L/∂h$_t$")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), title="gain γ", loc="outside right upper")
    caption = (
        "Norm of the gradient with respect to the hidden state at step t (mean over "
        f"{config.batch} examples, median of {config.seeds} networks) of a batch-normalised tanh RNN of "
        f"{config.hidden_size} units before training, statistics those of the batch; {config.tasks}, every pixel "
        f"{config.enlarge} by {config.enlarge} with a border of {config.border}, classified after the last. Left: as "
        "figure 1a of Cooijmans et al. (2017), whose recurrent matrix is the identity. Right: an orthogonal one. Read "
        "from right to left."
    )
    return Drawing("batch_norm_gain", "Gradient norm over time by gain", figure, rows.columns, caption)
