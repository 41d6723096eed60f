"""The learning curves that belong to the snapshots."""

import math

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, dash, new_figure, styled
from experiments.gradient_flow.results import StudyResults


@styled
def draw(results: StudyResults) -> Drawing | None:
    """Draws the learning curves; None without training."""
    config, cells = results.config, results.cells
    if config.train.snapshots[-1] == 0 or "train_loss" not in cells[0].arrays:
        return None
    figure, axes = new_figure(1, 1, width=6.4, height=3.8)
    ax = axes[0, 0]
    rows = Rows("cell", "training_step", "loss_lowest_nats", "loss_mean_nats", "loss_highest_nats")
    for n, cell in enumerate(cells):
        bits, held_out = (cell.arrays[name] / math.log(2) for name in ("train_loss", "held_out_loss"))
        steps, low, mean, high = np.arange(1, len(bits) + 1), bits.min(1), bits.mean(1), bits.max(1)
        ax.fill_between(steps, low, high, color=color(n), alpha=0.16, linewidth=0)
        label = f"{cell.label}   held out at the end {held_out[-1].mean():.2f}"
        ax.plot(steps, mean, color=color(n), linestyle=dash(n), linewidth=1.3, label=label)
        ax.plot(cell.snapshots[1:], held_out[1:].mean(1), "o", color=color(n), markersize=4.5)
        rows.add(cell.label, steps, *(curve * math.log(2) for curve in (low, mean, high)))
    ax.set_xlabel("training step")
    ax.set_ylabel("loss (bits per byte)")
    ax.legend()
    caption = (
        f"Training loss: mean over {config.seeds} seeds, shaded from the lowest to the highest; dots: held-out text, "
        f"the last tenth, at the snapshots. {results.source}. H = {config.hidden_size}; batches of "
        f"{config.train.batch} x {config.train.length} bytes, Adam {config.train.learning_rate:g}, gradient norm "
        f"clipped at {config.train.clip_norm:g}."
    )
    if results.pair_losses is not None:
        caption += f" {_compared(*results.pair_losses)}"
    return Drawing("learning", "What the cells learned meanwhile", figure, rows.columns, caption)


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
