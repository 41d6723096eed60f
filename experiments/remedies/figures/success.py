"""The figure of the share of trainings that have solved their task, against training steps."""

import itertools
from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, panel_letter, styled
from experiments.common.statistics import success_curve
from experiments.remedies.config import Comparison, named_task
from experiments.remedies.effects import reported
from experiments.remedies.figures._panels import (
    WIDTH,
    columns_of,
    common_legend,
    groups,
    kind_of,
    label_of,
    legend_of_row,
    style_of,
)
from experiments.remedies.results import Outcome


@styled
def success(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws a panel for every cell, width, task and length; with many remedies, several."""
    columns, horizon = columns_of(config), config.train.steps
    panels = list(itertools.product(config.tasks, config.lengths, groups(config)))
    figure, axes = new_figure(
        len(panels), len(columns), width=WIDTH * len(columns), height=2.9, sharex=True, sharey=True
    )
    table = Rows("cell", "hidden_units", "task", "length_steps", "remedy", "training_step", "share_solved", "share_low",
                 "share_high")  # fmt: skip
    for (row, (task, length, shown)), (column, key) in itertools.product(enumerate(panels), enumerate(columns)):
        ax = axes[row, column]
        for remedy in shown:
            kind = kind_of(config, key, task, length, remedy)
            own = [o for o in reported(outcomes) if o.kind == kind]
            if not own:
                continue
            curve = success_curve([o.time for o in own], [o.solved for o in own])
            times, share, low, high = (np.append(values, values[-1]) for values in curve)
            times[-1] = horizon
            n = style_of(remedy, shown)
            between = (share > 0) & (share < 1)
            ax.fill_between(
                times, np.where(between, low, share), np.where(between, high, share), step="post", color=color(n),
                alpha=0.1, linewidth=0,
            )  # fmt: skip
            ax.step(times, share, where="post", color=color(n), linestyle=dash(n), label=label_of(remedy))
            table.add(*key, task, length, remedy, times, share, low, high)
        if row == 0:
            ax.set_title(columns[key])
        if row == len(panels) - 1:
            ax.set_xlabel("training step")
        if column == 0:
            ax.set_ylabel(f"share solved\n{named_task(config.kinds[0]._replace(task=task, length=length))}")
        if len(groups(config)) > 1 and column == len(columns) - 1:
            legend_of_row(axes[row])
        panel_letter(ax, row * len(columns) + column)
    axes[0, 0].set_xlim(0, horizon)
    axes[0, 0].set_ylim(-0.03, 1.03)
    if len(groups(config)) == 1:
        common_legend(figure, axes)
    sizes = ", ".join(map(str, config.train.hidden_sizes))
    caption = (
        f"Share of {config.seeds} trainings that have solved their task by a training step (Kaplan & Meier), with 95 % "
        "bands for each step by itself where some have and some have not; the table has intervals for none and all. "
        f"Success is known to within {config.train.eval_every} steps. {sizes} units, {config.train.optimizer}, "
        f"batches of {config.train.batch}."
    )
    return Drawing("success", "Who solves the task, and when", figure, table.columns, caption)
