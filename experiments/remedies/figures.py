"""The figures of a comparison of remedies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from experiments.common.plotting import (
    Drawing,
    color,
    dash,
    legend_below,
    new_figure,
    panel_letter,
    powers_of_ten,
    styled,
)
from experiments.remedies.config import Comparison
from experiments.remedies.results import Outcome, by_length

LN10 = np.log(10)


@styled
def success(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the share of trainings that solved their task, and the steps that took, against the length."""
    cells, tasks = config.labels, config.tasks
    panels = [(cell, task) for task in tasks for cell in cells]
    figure, axes = new_figure(2 * len(tasks), len(cells), width=4.2 * len(cells), height=3.0, sharex=True, sharey="row")
    columns = ("cell", "task", "remedy", "length", "solved", "of", "low", "high", "median_steps")
    table: dict[str, list] = {name: [] for name in columns}
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
                values = (cell, task, remedy, length, rate.count, rate.of, rate.low, rate.high, median)
                for name, value in zip(columns, values, strict=True):
                    table[name].append(value)
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
    _legend(figure, axes)
    caption = (
        f"Above: share of {config.seeds} trainings that solved the task within {config.train.steps} steps, with 95 % "
        "confidence intervals (Wilson); below: median training steps of those that did, known to within "
        f"{config.train.eval_every}. {config.train.hidden_size} units, {config.train.optimizer}, learning rate "
        f"{config.train.learning_rate:g}, batches of {config.train.batch}. The axes are those of Figure 7 of Pascanu, "
        "Mikolov & Bengio (2013)."
    )
    return Drawing("success", "Success against the length of the sequences", figure, table, caption)


@styled
def gradient_flow(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the gradient norm against distance before, during and after training, at the greatest length."""
    longest, task = max(config.lengths), config.tasks[0]
    stages = ("before", "during", "after")
    figure, axes = new_figure(
        3, len(config.labels), width=4.2 * len(config.labels), height=2.8, sharex=True, sharey="row"
    )
    columns = ("cell", "remedy", "when", "distance", "log10_norm")
    table: dict[str, list] = {name: [] for name in columns}
    for n, cell in enumerate(config.labels):
        for k, remedy in enumerate(config.remedies):
            own = [o for o in outcomes if o.trial[:4] == (cell, task, longest, remedy) and o.flow]
            for row, when in enumerate(stages):
                curves = [o.stages[when][::-1] for o in own if when in o.stages]
                if not curves:
                    continue
                # Relative to the end: the loss itself falls while a network learns.
                middle = np.median([curve - curve[0] for curve in curves], axis=0) / LN10
                axes[row, n].plot(middle, color=color(k), linestyle=dash(k), label=remedy)
                for distance, value in enumerate(middle):
                    for name, entry in zip(columns, (cell, remedy, when, distance, value), strict=True):
                        table[name].append(entry)
        for row, when in enumerate(stages):
            axes[row, n].set_title(f"{cell}, {when} training")
        axes[-1, n].set_xlabel("distance k from the end (steps)")
        panel_letter(axes[0, n], n)
    for row in range(len(stages)):
        powers_of_ten(axes[row, 0].yaxis)
        axes[row, 0].set_ylabel("|∂L/∂s$_{T-k}$| / |∂L/∂s$_T$|")
    _legend(figure, axes)
    caption = (
        f"Norm of the gradient with respect to the state k steps before the end over that at the end, median over "
        f"seeds and {config.flow_batch} held-out sequences; {task} of length {longest}. After training: where the task "
        "was solved, or at the last step; during: half way there. A training that diverged is left out of the last row."
    )
    return Drawing("gradient_flow", "Gradient flow before, during and after training", figure, table, caption)


def _legend(figure: Figure, axes: np.ndarray) -> None:
    """Puts the remedies of all panels under the figure: not every one applies to every cell."""
    found = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    legend_below(figure, list(found.values()), list(found))
