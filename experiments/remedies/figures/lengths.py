"""The figure of success and of the time to it against the length of the sequences."""

import itertools
from collections.abc import Sequence

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, panel_letter, styled
from experiments.remedies.config import Comparison
from experiments.remedies.effects import rows_of
from experiments.remedies.figures._panels import WIDTH, columns_of, groups, label_of, legend_of_row, style_of
from experiments.remedies.results import Outcome


@styled
def lengths(outcomes: Sequence[Outcome], config: Comparison) -> Drawing:
    """Draws the share of trainings that solved their task, and the mean time to success, against the length."""
    columns, everything = columns_of(config), {row.kind: row for row in rows_of(outcomes, config)}
    panels = list(itertools.product(config.tasks, groups(config)))
    figure, axes = new_figure(
        2 * len(panels), len(columns), width=WIDTH * len(columns), height=2.8, sharex=True, sharey="row"
    )
    table = Rows("cell", "hidden_units", "task", "remedy", "length_steps", "solved", "trainings", "share_low",
                 "share_high", "mean_time_steps", "mean_time_error_steps")  # fmt: skip
    for (n, (task, shown)), (column, key) in itertools.product(enumerate(panels), enumerate(columns)):
        shares, times = axes[2 * n, column], axes[2 * n + 1, column]
        for remedy in shown:
            rows = [r for k, r in everything.items() if (*k[:3], k.remedy) == (*key, task, remedy)]
            if not rows:
                continue
            style = style_of(remedy, shown)
            # Side by side, since shares of few seeds coincide.
            place = np.array([r.kind.length for r in rows]) * (1 + 0.02 * (style - (len(shown) - 1) / 2))
            share = np.array([r.rate.share for r in rows])
            spread = np.abs([[r.rate.low for r in rows], [r.rate.high for r in rows]] - share)
            look = {"color": color(style), "linestyle": dash(style), "marker": "o", "markersize": 4, "elinewidth": 0.8}
            shares.errorbar(place, share, yerr=spread, label=label_of(remedy), **look)
            times.errorbar(
                place, [r.time.value for r in rows], yerr=[1.96 * r.time.standard_error for r in rows], **look
            )
            for r in rows:
                table.add(*key, task, remedy, r.kind.length, *r.rate, *r.time)
        shares.set_title(f"{columns[key]}\n{task}")
        shares.set_ylim(-0.05, 1.05)
        times.set_ylim(0, 1.05 * config.train.steps)
        times.set_xscale("log")
        times.set_xticks(sorted(config.lengths), [str(length) for length in sorted(config.lengths)])
        times.minorticks_off()
        panel_letter(shares, n * len(columns) + column)
        if column == 0:
            shares.set_ylabel("share solved")
            times.set_ylabel("mean steps to success")
        if column == len(columns) - 1:
            legend_of_row(axes[2 * n])
    for ax in axes[-1]:
        ax.set_xlabel("length T")
    caption = (
        f"Above: share of {config.seeds} trainings that solved the task within {config.train.steps} steps, with 95 % "
        "intervals (Wilson); below: mean steps to success, a training without it counting with all its "
        f"{config.train.steps}, ± 1.96 standard errors, which are 0 where none succeeded. The axes are those of "
        "figure 7 of Pascanu, Mikolov & Bengio (2013)."
    )
    return Drawing("lengths", "Success against the length of the sequences", figure, table.columns, caption)
