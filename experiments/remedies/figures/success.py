"""The figure of success and of the steps to it against the length of the sequences."""

from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, panel_letter, styled
from experiments.remedies.config import Comparison
from experiments.remedies.figures._legend import common_legend
from experiments.remedies.results import Outcome, by_length


@styled
def success(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the share of trainings that solved their task, and the steps that took, against the length."""
    cells, tasks = config.labels, config.tasks
    panels = [(cell, task) for task in tasks for cell in cells]
    figure, axes = new_figure(2 * len(tasks), len(cells), width=4.2 * len(cells), height=3.0, sharex=True, sharey="row")
    table = Rows(
        *("cell", "task", "remedy", "length_steps", "solved", "trainings", "share_low", "share_high"),
        "solved_after_median_steps",
    )
    for n, (cell, task) in enumerate(panels):
        row, column = 2 * (n // len(cells)), n % len(cells)
        rates, steps = axes[row, column], axes[row + 1, column]
        for k, remedy in enumerate(config.remedies):
            chosen = (cell, task, remedy)
            rows = by_length(outcomes, config, lambda t, chosen=chosen: (t.cell, t.task, t.remedy) == chosen)
            if not rows:
                continue
            lengths = np.array([length for length, _, _ in rows])
            # Side by side, since shares of few seeds coincide.
            place = lengths * (1 + 0.02 * (k - (len(config.remedies) - 1) / 2))
            share = np.array([r.share for _, r, _ in rows])
            spread = np.abs([[r.low for _, r, _ in rows], [r.high for _, r, _ in rows]] - share)
            rates.errorbar(place, share, yerr=spread, marker="o", color=color(k), linestyle=dash(k), markersize=4,
                           elinewidth=0.8, label=remedy)  # fmt: skip
            steps.plot(place, [s for _, _, s in rows], marker="o", color=color(k), linestyle=dash(k), markersize=4)
            for length, rate, median in rows:
                table.add(cell, task, remedy, length, rate.count, rate.of, rate.low, rate.high, median)
        rates.set_title(f"{cell} on {task}")
        rates.set_ylim(-0.05, 1.05)
        steps.set_ylim(0, 1.05 * config.train.steps)
        steps.set_xscale("log")
        steps.set_xticks(config.lengths, [str(length) for length in config.lengths])
        steps.minorticks_off()
        steps.set_xlabel("length T")
        panel_letter(rates, n)
    for row in range(0, 2 * len(tasks), 2):
        axes[row, 0].set_ylabel("share solved")
        axes[row + 1, 0].set_ylabel("steps to success")
    common_legend(figure, axes)
    caption = (
        f"Above: share of {config.seeds} trainings that solved the task within {config.train.steps} steps, with 95 % "
        "confidence intervals (Wilson); below: median training steps of those that did, known to within "
        f"{config.train.eval_every}. {config.train.hidden_size} units, {config.train.optimizer}, learning rate "
        f"{config.train.learning_rate:g}, batches of {config.train.batch}. The axes are those of Figure 7 of Pascanu, "
        "Mikolov & Bengio (2013)."
    )
    return Drawing("success", "Success against the length of the sequences", figure, table.columns, caption)
