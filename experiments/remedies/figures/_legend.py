"""The legend that panels share."""

import numpy as np
from matplotlib.figure import Figure

from experiments.common.plotting import legend_below


def common_legend(figure: Figure, axes: np.ndarray) -> None:
    """Puts the remedies of all panels under the figure: not every one applies to every cell."""
    found = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    legend_below(figure, list(found.values()), list(found))
