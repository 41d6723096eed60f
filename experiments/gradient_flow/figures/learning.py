"""The learning curves that belong to the snapshots."""

import math

import numpy as np

from experiments.common.plotting import (
    Drawing,
    Rows,
    color,
    dash,
    legend_below_panel,
    new_figure,
    panel_letter,
    styled,
)
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the learning curves, a panel for every family; None without training."""
    config, panels = results.config, results.panels
    if config.train.snapshots[-1] == 0 or "train_loss" not in results.cells[0].arrays:
        return None
    figure, axes = new_figure(1, len(panels), width=max(4.3 * len(panels), 6.0), height=4.4, sharex=True, sharey=True)
    rows = Rows("cell", "training_step", *(f"loss_{name}_nats" for name in ("lowest", "mean", "highest")))
    for column, (family, cells) in enumerate(panels.items()):
        ax = axes[0, column]
        for n, cell in enumerate(cells):
            losses, held_out = cell.arrays["train_loss"], cell.arrays["held_out_loss"] / math.log(2)
            steps, curves = np.arange(1, len(losses) + 1), (losses.min(1), losses.mean(1), losses.max(1))
            low, mean, high = (_smooth(curve) / math.log(2) for curve in curves)
            ax.fill_between(steps, low, high, color=color(n), alpha=0.16, linewidth=0)
            label = f"{cell.start if family else cell.label}: {held_out[-1].mean():.2f} held out at the end"
            ax.plot(steps, mean, color=color(n), linestyle=dash(n), linewidth=1.3, label=label)
            ax.plot(cell.snapshots[1:], held_out[1:].mean(1), "o", color=color(n), markersize=4.0)
            rows.add(cell.label, steps, *curves)
        ax.set_title(family)
        ax.set_xlabel("training step")
        legend_below_panel(ax)
        panel_letter(ax, column)
    axes[0, 0].set_ylabel("loss (bits per byte)")
    seeds = config.seeds
    band = f"mean of {seeds} seeds, bands: from the lowest seed to the highest" if seeds > 1 else "one seed"
    caption = (
        f"Lines: training loss, {band}, each averaged over {WINDOW} steps around. Dots: held-out text, the last tenth, "
        f"at the snapshots. {results.source}. {results.sizes}; batches of {config.train.batch} x {config.train.length} "
        f"bytes, Adam {config.train.learning_rate:g}, gradient norm clipped at {config.train.clip_norm:g}."
    )
    if results.pair_losses is not None:
        caption += f" {_compared(*results.pair_losses)}"
    return Drawing("learning", "What the cells learned meanwhile", figure, rows.columns, caption)


WINDOW = 9
"""Training steps that a point of a curve is the average of: batches differ more than what is learned in one step."""


def _smooth(curve: np.ndarray) -> np.ndarray:
    """Returns the average over `WINDOW` steps around every one, over fewer at both ends."""
    kernel = np.ones(WINDOW)
    return (
        np.convolve(curve, kernel)[WINDOW // 2 :][: len(curve)]
        / np.convolve(np.ones(len(curve)), kernel)[WINDOW // 2 :][: len(curve)]
    )


def _compared(train: float, held_out: float) -> str:
    """Says how hard the two texts are for a model of pairs, nats per symbol."""
    train, held_out = train / math.log(2), held_out / math.log(2)
    counted = (
        f"Pairs of bytes, counted in the training text, predict that text with {train:.2f} bits per byte, and the "
        f"held-out text with {held_out:.2f}"
    )
    if abs(held_out - train) < ALIKE:
        return f"{counted}: the two are about as hard."
    word = "easier" if held_out < train else "harder"
    return f"{counted}: the held-out text is the {word} one by itself. Compare lines with lines, and dots with dots."


ALIKE = 0.05
"""Bits per byte by which two texts may differ and count as equally hard."""
