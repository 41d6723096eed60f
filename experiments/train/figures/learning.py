"""The figure of a training's loss, error and gradient norm."""

import math
from collections.abc import Sequence
from typing import Any

from experiments.common.plotting import Drawing, color, new_figure, panel_letter, styled
from experiments.training.config import Training
from experiments.training.results import Curve
from recurrax._util import naming
from recurrax.tasks.task import Task


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
    confirmed = [row for curve in curves for row in curve.rows if "confirmed_loss" in row]
    for ax, name in ((loss, "loss"), (error, "error")):
        if confirmed:
            values = _numbers(confirmed, f"confirmed_{name}")
            ax.plot(
                [row["step"] for row in confirmed], values, "*", color=color(6), markersize=9, label="fresh sequences"
            )
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
    table = {"training_step": [row["step"] for row in rows]} | {
        name: [row.get(name) for row in rows]
        for name in ("seed", "loss", "largest_gradient", "eval_loss", "eval_error", "confirmed_loss", "confirmed_error")
    }
    seeds = "" if len(curves) == 1 else f", {len(curves)} seeds"
    caption = (
        f"{naming.label(config.cells)} with {config.hidden_size} units on {config.tasks}; {config.how}, "
        f"batches of {config.batch}{seeds}. a: mean loss since the line before, with penalties, and loss on "
        f"{config.eval_batches * config.batch} held-out sequences; b: share of wrong answers; stars: on the fresh "
        "sequences that are to confirm a success; c: largest norm of a gradient since the line before, before any "
        "remedy. "
        f"Remedies: {config.remedies or 'none'}."
    )
    return Drawing("learning", "Learning", figure, table, caption)


def _numbers(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [math.nan if row[name] is None else row[name] for row in rows]
