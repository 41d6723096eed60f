"""The figure of eigenvalues and their support."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, new_figure, panel_letter, styled


@styled
def draw(networks: Mapping[str, Any], config: Any) -> Drawing:
    """Draws the eigenvalues of a network and the edge of their support, a panel per cell and gain."""
    columns = len(config.gains)
    lines = -(-len(networks) // columns)
    figure, axes = new_figure(lines, columns, width=9.0, height=3.4)
    rows = Rows("network", "real_part", "imaginary_part")
    for n, (ax, (name, network)) in enumerate(zip(axes.ravel(), networks.items(), strict=False)):
        values = network.values
        rows.add(name, values.real, values.imag)
        reach = 1.1 * max(np.abs(values.imag).max(), 0.3)
        grid_x = np.linspace(min(values.real.min(), -0.2) - 0.15, max(values.real.max(), 1.0) + 0.15, 120)
        grid_y = np.linspace(-reach, reach, 81)
        growth = network.growth(grid_x + 1j * grid_y[:, None])
        ax.plot(values.real, values.imag, ".", color=color(1), markersize=2.5, label="eigenvalues")
        ax.contour(grid_x, grid_y, np.log(np.maximum(growth, 1e-12)), levels=[0.0], colors=color(0), linewidths=1.6)
        ax.plot([], [], color=color(0), label="edge, theory")
        angle = np.linspace(0, 2 * np.pi, 200)
        ax.plot(np.cos(angle), np.sin(angle), color="#777777", linestyle=":", linewidth=1.2, label="|λ| = 1")
        ax.set_xlim(grid_x[0], grid_x[-1])
        ax.set_ylim(-reach, reach)
        ax.set_aspect("equal")
        ax.set_title(name)
        ax.set_xlabel("real part")
        ax.set_ylabel("imaginary part")
        panel_letter(ax, n)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    caption = (
        f"Eigenvalues of the Jacobian of one step, dh_t/dh_t-1 of a GRU and the joint d(h, c) of an LSTM, of a random "
        f"network of {config.hidden_size} units under Gaussian input after {config.settle} steps, and the edge that "
        "random-matrix theory gives them for the gates of this step (Can, Krishnamurthy & Schwab 2020). Eigenvalues "
        "near 1 are directions that last."
    )
    return Drawing("spectra", "Eigenvalues of gated networks", figure, rows.columns, caption)
