"""The figure of tests at lengths that were not trained on."""

from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, Rows, color, new_figure, styled


@styled
def draw(tested: Any, config: Any) -> Drawing:
    """Draws the share of wrong answers against the length, a line per network."""
    figure, axes = new_figure(1, 1, width=6.8, height=4.0)
    ax = axes[0, 0]
    rows = Rows("seed", "length_steps", "eval_error")
    lengths = np.array([*config.train_lengths, *config.test_lengths])
    order = np.argsort(lengths, kind="stable")
    shares = np.concatenate([tested.trained, tested.longer])
    floor = 0.5 / config.sequences
    ax.axvspan(min(config.train_lengths), max(config.train_lengths), color="#DDDDDD", label="trained on")
    for n, seed in enumerate(config.train.seed_range):
        of_seed = shares[order, n]
        ax.plot(lengths[order], np.maximum(of_seed, floor), "o-", color=color(n), markersize=4, label=f"seed {seed}")
        rows.add(seed, lengths[order], of_seed)
    ax.axhline(floor, color="#555555", linestyle=":", linewidth=1.2)
    ax.annotate("no mistake", (lengths.max(), floor), ha="right", va="bottom", fontsize=9)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(floor / 2, 1)
    ax.set_xlabel("length (steps)")
    ax.set_ylabel("share of wrong answers")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    caption = (
        f"Wrong answers among {config.sequences} held-out sequences of the temporal-order task, by length, of networks "
        f"that were trained on lengths in the grey range ({config.train.cells}, {config.train.hidden_size} units, "
        f"{config.train.steps} steps, {config.train.remedies or 'no remedy'}). No mistake is drawn at half a mistake."
    )
    return Drawing("length_extrapolation", "Errors beyond the trained lengths", figure, rows.columns, caption)
