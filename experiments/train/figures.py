"""The figures of a training."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.common.plotting import Drawing, color, dash, new_figure, panel_letter, powers_of_ten, styled
from experiments.gradient_flow.results import band
from experiments.training.config import Training
from experiments.training.results import Curve
from recurrax._util import naming
from recurrax.tasks.task import Task

LN10 = math.log(10)


@styled
def learning(curves: Sequence[Curve], config: Training, task: Task) -> Drawing:
    """Draws loss, error and gradient norm against the training step, with the chance level; a line per seed."""
    figure, axes = new_figure(1, 3, width=12.0, height=3.7)
    loss, error, norm = axes[0]
    chance, solved = task.chance, task.solved
    for n, curve in enumerate(curves):
        logged, evaluated = [row for row in curve.rows if "loss" in row], curve.evaluated
        steps, eval_steps = [row["step"] for row in logged], [row["step"] for row in evaluated]
        thin, dots = (1.2, "o-") if len(curves) == 1 else (0.6, ".-")
        once = {"training": "training", "held out": "held out"} if n == 0 else {}
        loss.plot(steps, _numbers(logged, "loss"), color=color(1), linewidth=thin, label=once.get("training"))
        for ax, name in ((loss, "eval_loss"), (error, "eval_error")):
            values = _numbers(evaluated, name)
            ax.plot(eval_steps, values, dots, color=color(0), linewidth=thin, markersize=4, label=once.get("held out"))
        norm.plot(steps, _numbers(logged, "largest_gradient"), color=color(3), linewidth=thin)
    for ax, name in ((loss, "loss"), (error, "error")):
        ax.axhline(getattr(chance, name), color="#555555", linestyle=":", linewidth=1.2, label="chance")
        if solved.measure == name:
            ax.axhline(solved.below, color=color(2), linestyle=(0, (4, 2)), linewidth=1.2, label="solved below")
        ax.set_xlabel("training step")
        ax.legend()
    loss.set_yscale("log")
    loss.set_ylabel("loss")
    error.set_ylim(-0.03, 1.03)
    error.set_ylabel("share of wrong answers")
    norm.set_yscale("log")
    norm.set_xlabel("training step")
    norm.set_ylabel("largest gradient norm")
    for n, ax in enumerate(axes[0]):
        panel_letter(ax, n)
    rows = [row for curve in curves for row in curve.rows]
    table = {
        name: [row.get(name) for row in rows]
        for name in ("seed", "step", "loss", "largest_gradient", "eval_loss", "eval_error")
    }
    caption = (
        f"{naming.label(config.cells)} with {config.hidden_size} units on {config.tasks}; {config.optimizer}, learning rate "
        f"{config.learning_rate:g}, batches of {config.batch}{'' if len(curves) == 1 else f', {len(curves)} seeds'}. a: mean loss since the line before, penalties included, and "
        f"loss on {config.eval_batches * config.batch} held-out sequences; b: share of wrong answers; c: largest norm of a "
        f"gradient since the line before, before any clipping. Remedies: {config.remedies or 'none'}."
    )
    return Drawing("learning", "Learning", figure, table, caption)


@styled
def gradient_flow(curves: Sequence[Curve], config: Training) -> Drawing:
    """Draws the norm of dL/ds_{T-k} against k, one curve per measurement, over all seeds that were in training then."""
    figure, axes = new_figure(1, 1, width=6.4, height=4.2)
    ax = axes[0, 0]
    table: dict[str, list] = {name: [] for name in ("training_step", "distance", "q10", "median", "q90")}
    steps = sorted({step for curve in curves for step in curve.flow})
    bands = {s: band(np.stack([c.flow[s][::-1] for c in curves if s in c.flow], axis=1)) for s in steps}
    for n, step in enumerate(_few(steps)):
        b = bands[step]
        distance = np.arange(len(b.median))
        ax.fill_between(distance, b.low / LN10, b.high / LN10, color=color(n), alpha=0.12, linewidth=0)
        name = "at initialisation" if step == 0 else f"after {step} steps"
        ax.plot(distance, b.median / LN10, color=color(n), linestyle=dash(n), label=name)
    for step, b in bands.items():
        for name, values in zip(
            table, ([step] * len(b.median), range(len(b.median)), b.low, b.median, b.high), strict=True
        ):
            table[name].extend(values)
    powers_of_ten(ax.yaxis)
    ax.set_xlabel("distance k from the end (steps)")
    ax.set_ylabel("norm of ∂L/∂s$_{T-k}$")
    ax.legend()
    seeds = "" if len(curves) == 1 else "the seeds then in training and "
    caption = (
        f"Norm of the total gradient of the task's loss with respect to the whole state k steps before the end: median over "
        f"{seeds}{config.flow.batch} held-out sequences, shaded: 10 % to 90 %. {naming.label(config.cells)} on {config.tasks}."
    )
    return Drawing("gradient_flow", "Gradient norm against distance, while it learns", figure, table, caption)


def _few(steps: list[int], most: int = 5) -> list[int]:
    """Returns at most so many of them, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return steps
    return [steps[round(n * (len(steps) - 1) / (most - 1))] for n in range(most)]


def _numbers(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [math.nan if row[name] is None else row[name] for row in rows]
