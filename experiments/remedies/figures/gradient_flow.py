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
from experiments.remedies.effects import reported
from experiments.remedies.figures._panels import WIDTH, columns_of, common_legend, kind_of, label_of
from experiments.remedies.results import Outcome


@styled
def gradient_flow(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the gradient norm against distance before, during and after training, at the greatest length."""
    longest, task, columns = max(config.lengths), config.tasks[0], columns_of(config)
    stages = ("before", "during", "after")
    figure, axes = new_figure(
        len(stages), len(columns), width=WIDTH * len(columns), height=2.8, sharex=True, sharey=True
    )
    rows = Rows("cell", "hidden_units", "remedy", "when", "distance_steps", "log_relative_norm_nats")
    for n, (key, title) in enumerate(columns.items()):
        for k, remedy in enumerate(config.remedies):
            kind = kind_of(config, key, task, longest, remedy)
            own = [o for o in reported(outcomes) if o.kind == kind]
            for row, when in enumerate(stages):
                curves = [o.stages[when] for o in own if when in o.stages]
                if not curves:
                    continue
                # Relative to the end: the loss itself falls while a network learns.
                middle = np.median([curve - curve[0] for curve in curves], axis=0)
                axes[row, n].plot(middle / LN10, color=color(k), linestyle=dash(k), label=label_of(remedy))
                rows.add(*key, remedy, when, range(len(middle)), middle)
        for row, when in enumerate(stages):
            axes[row, n].set_title(f"{title}, {when} training")
            panel_letter(axes[row, n], row * len(columns) + n)
        axes[-1, n].set_xlabel("distance k from the last answer (steps)")
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
