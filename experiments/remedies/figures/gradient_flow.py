"""The figure of gradient norms against distance before, during and after training."""

from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    dash,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.remedies.config import Comparison
from experiments.remedies.figures._legend import common_legend
from experiments.remedies.results import Outcome


@styled
def gradient_flow(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the gradient norm against distance before, during and after training, at the greatest length."""
    longest, task = max(config.lengths), config.tasks[0]
    stages = ("before", "during", "after")
    figure, axes = new_figure(
        3, len(config.labels), width=4.2 * len(config.labels), height=2.8, sharex=True, sharey="row"
    )
    rows = Rows("cell", "remedy", "when", "distance_steps", "log_relative_norm_nats")
    for n, cell in enumerate(config.labels):
        for k, remedy in enumerate(config.remedies):
            own = [o for o in outcomes if o.trial[:4] == (cell, task, longest, remedy) and o.log_norms]
            for row, when in enumerate(stages):
                curves = [o.stages[when] for o in own if when in o.stages]
                if not curves:
                    continue
                # Relative to the end: the loss itself falls while a network learns.
                middle = np.median([curve - curve[0] for curve in curves], axis=0) / LN10
                axes[row, n].plot(middle, color=color(k), linestyle=dash(k), label=remedy)
                rows.add(cell, remedy, when, range(len(middle)), middle * LN10)
        for row, when in enumerate(stages):
            axes[row, n].set_title(f"{cell}, {when} training")
        axes[-1, n].set_xlabel("distance k from the last answer (steps)")
        panel_letter(axes[0, n], n)
    for row in range(len(stages)):
        powers_of_ten(axes[row, 0].yaxis)
        axes[row, 0].set_ylabel("|∂L/∂s$_{t-k}$| / |∂L/∂s$_t$|")
    common_legend(figure, axes)
    caption = (
        "Norm of the gradient of the loss of the last answer, asked for in step t, with respect to the state k steps "
        "before, over that at distance 0; median over "
        f"seeds and {config.gradient_norms_batch} held-out sequences; {task} of length {longest}. After training: "
        "where the task was solved, or at the last step; during: half way there. A training that diverged is left out "
        "of the last row."
    )
    return Drawing("gradient_flow", "Gradient flow before, during and after training", figure, rows.columns, caption)
