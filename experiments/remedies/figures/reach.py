"""The figure of how much of the gradient reaches the first step, remedy by remedy, for more than curves can show."""

from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import (
    LN10,
    Drawing,
    Rows,
    color,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.remedies.config import Comparison
from experiments.remedies.effects import reported
from experiments.remedies.figures._panels import WIDTH, columns_of, kind_of, label_of
from experiments.remedies.results import Outcome

_STAGES = {"before": "o", "during": "D", "after": "s"}


@styled
def reach(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws a panel for every cell and width, with a line for every remedy, at the greatest length."""
    longest, task, columns = max(config.lengths), config.tasks[0], columns_of(config)
    figure, axes = new_figure(
        1, len(columns), width=1.5 + WIDTH * len(columns), height=1.4 + 0.28 * len(config.remedies), sharex=True,
        sharey=True,
    )  # fmt: skip
    rows = Rows("cell", "hidden_units", "remedy", "when", "log_reach_nats")
    handles = {}
    for n, (key, title) in enumerate(columns.items()):
        ax = axes[0, n]
        for place, remedy in enumerate(config.remedies):
            kind = kind_of(config, key, task, longest, remedy)
            own = [o for o in reported(outcomes) if o.kind == kind]
            for k, (when, marker) in enumerate(_STAGES.items()):
                values = [v for o in own if when in o.stages and np.isfinite(v := _end(o.stages[when]))]
                if values:
                    middle = float(np.median(values))
                    (handles[f"{when} training"],) = ax.plot(
                        middle / LN10, place, marker, color=color(k), markerfacecolor="none", linestyle="none"
                    )
                    rows.add(*key, remedy, when, middle)
        ax.set_title(title)
        ax.set_xlabel("|∂L/∂s$_0$| / |∂L/∂s$_t$|")
        powers_of_ten(ax.xaxis)
        panel_letter(ax, n)
    axes[0, 0].set_yticks(range(len(config.remedies)), [label_of(remedy) for remedy in config.remedies])
    axes[0, 0].set_ylim(len(config.remedies) - 0.5, -0.5)
    legend_below(figure, list(handles.values()), list(handles))
    caption = (
        "Norm of the gradient of the loss of the last answer, asked for in step t, with respect to the first state, "
        f"over that at its own step; median over seeds and {config.gradient_norms_batch} held-out sequences; {task} of "
        f"length {longest}. After training: where the task was solved, or at the last step; during: half way there."
    )
    return Drawing("reach", "How much of the gradient reaches the first step", figure, rows.columns, caption)


def _end(log_norms: np.ndarray) -> float:
    known = log_norms[~np.isnan(log_norms)]
    return float(known[-1] - known[0]) if len(known) else np.nan
