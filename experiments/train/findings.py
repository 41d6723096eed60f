"""What a training came to, as sentences and a table made of its numbers."""

import math
from collections.abc import Sequence

import numpy as np

from experiments.common.prose import power, with_unit
from experiments.common.rates import Rate
from experiments.common.report import Table
from experiments.train.table import kept
from experiments.training.metrics import Row
from experiments.training.results import Curve
from experiments.training.success import Confirmation
from experiments.training.trainer import Trainer
from recurrax.tasks.task import Task


def findings(curves: Sequence[Curve], trainer: Trainer) -> list[str]:
    """Returns sentences: who solved the task and when, what was not finite, what the end and the gradient are like."""
    config, task, confirmation = trainer.config, trainer.task, trainer.confirmation
    sentences = [_success(curves, task, confirmation), *_refuted(curves, task, confirmation)]
    for curve in curves:
        if curve.diverged_in is not None:
            sentences.append(
                f"Seed {curve.seed} diverged in step {curve.diverged_in:,}: its loss or its gradient was not finite."
            )
    if back := trainer.unroll_arguments.get("truncate_every"):
        sentences.append(f"Gradients went back {back} steps at most.")
    at_the_end = _at_the_end(curves, task, config.eval_batches * config.batch)
    return [*sentences, *at_the_end, *_flow(curves), *_not_finite(curves)]


def _success(curves: Sequence[Curve], task: Task, confirmation: Confirmation | None) -> str:
    solved = {curve.seed: steps for curve in curves if (steps := curve.solved_after(task)) is not None}
    on = f" on {_sequences(confirmation)}" if confirmation else ""
    criterion = f"a held-out {task.solved.measure} below {task.solved.below:.3g}{on}"
    if len(curves) == 1:
        if solved:
            return f"Solved after {with_unit(f'{solved[curves[0].seed]:,}', 'steps')}: {criterion}."
        last = f"{_last(curves[0])['step']:,}"
        return f"Not solved within {with_unit(last, 'steps')}; solved is {criterion}."
    sentence = f"Solved from {Rate.of_counts(len(solved), len(curves))} seeds"
    if solved:
        steps = list(solved.values())
        sentence += f", after {np.median(steps):,.0f} steps in the median ({min(steps):,} to {max(steps):,})"
    return f"{sentence}; solved is {criterion}."


def _sequences(confirmation: Confirmation) -> str:
    if confirmation.fresh:
        return f"{confirmation.sequences:,} fresh sequences"
    return f"{confirmation.sequences:,} given sequences, of which evaluations saw some"


def _refuted(curves: Sequence[Curve], task: Task, confirmation: Confirmation | None) -> list[str]:
    """Returns how often an evaluation met the criterion by luck."""
    lines = [row for curve in curves for row in curve.refuted(task)]
    if not lines or confirmation is None:
        return []
    measure = task.solved.measure
    found = [math.nan if row[f"confirmed_{measure}"] is None else row[f"confirmed_{measure}"] for row in lines]
    times = "An evaluation" if len(lines) == 1 else f"{len(lines)} evaluations"
    values = f"{found[0]:.3g}" if len(lines) == 1 else f"{np.nanmin(found):.3g} or more"
    return [f"{times} met the criterion and did not hold: the {measure} on the sequences to confirm it was {values}."]


def _at_the_end(curves: Sequence[Curve], task: Task, sequences: int) -> list[str]:
    """Returns the loss and error evaluated last beside those of guessing, and whether the sequences tell them apart."""
    ends = [_last(curve) for curve in curves]
    values = [[row[f"eval_{name}"] for row in ends] for name in ("loss", "error")]
    if any(value is None for column in values for value in column):
        return []
    loss, error = (float(np.median(column)) for column in values)
    medians = "" if len(curves) == 1 else f" (medians over {len(curves)} seeds)"
    sentence = (
        f"At the last evaluation: loss {loss:.3g} where guessing gives {task.chance.loss:.3g}, "
        f"{error:.1%} wrong where guessing gives {task.chance.error:.1%}{medians}."
    )
    # One answer a sequence is what may be counted on: those of one sequence depend on each other.
    rate = Rate.of_counts(round(error * sequences), sequences)
    if rate.low <= task.chance.error <= rate.high:
        sentence += f" {with_unit(f'{sequences:,}', 'sequences')} cannot tell these shares apart."
    return [sentence]


def _flow(curves: Sequence[Curve]) -> list[str]:
    """Returns how much of the gradient was left far from the last answer, before training and when last measured."""
    first = [kept(curve.flows[0]) for curve in curves if 0 in curve.flows]
    last = [kept(curve.flows[max(curve.flows)]) for curve in curves if len(curve.flows) > 1]
    if not (first_share := _share(first)):
        return []
    steps = [distance for distance, _ in first if distance is not None]
    far = f"{min(steps)}" if len(set(steps)) == 1 else f"{min(steps)} to {max(steps)}"
    sentence = (
        f"Over {with_unit(far, 'steps')} back from the last answer, the norm of its gradient changed by a factor of "
        f"{first_share} before training"
    )
    if last_share := _share(last):
        sentence += f" and of {last_share} when last measured"
    over = "sequences" if len(curves) == 1 else "sequences and seeds"
    return [f"{sentence} (medians over {over})."]


def _share(measured: Sequence[tuple[int | None, float | None]]) -> str:
    """Returns the median over seeds of what is left, as text; empty where it is unknown of one."""
    logs = [log for _, log in measured if log is not None]
    return power(float(np.median(logs))) if logs and len(logs) == len(measured) else ""


def _not_finite(curves: Sequence[Curve]) -> list[str]:
    """Returns where gradients were not finite on their way, and were left out of the figure."""
    counts: dict[int, list[int]] = {}
    for curve in curves:
        for step, flow in curve.flows.items():
            before = counts.setdefault(step, [0, 0])
            counts[step] = [before[0] + flow.not_finite, before[1] + flow.sequences]
    broken = {step: count for step, count in counts.items() if count[0]}
    if not broken:
        return []
    worst = max(broken, key=lambda step: broken[step][0])
    more = f", the most of {len(counts)} measurements" if len(counts) > 1 else ""
    return [
        f"The gradient was not finite on its way back in {broken[worst][0]} of {broken[worst][1]} sequences after "
        f"{with_unit(f'{worst:,}', 'training steps')}{more}; curves and medians leave those out."
    ]


def _last(curve: Curve) -> Row:
    return curve.evaluated[-1]


def evaluations(curves: Sequence[Curve], trainer: Trainer) -> Table:
    """Returns the table of all evaluations."""
    config, confirmation = trainer.config, trainer.confirmation
    rows = [
        (str(row["seed"]), str(row["step"]), *_scores(row, "eval"), *_scores(row, "confirmed"))
        for curve in curves
        for row in curve.evaluated
    ]
    note = f"{config.eval_batches * config.batch:,} held-out sequences, the same every time."
    if confirmation:
        note += f" Confirmed: on {_sequences(confirmation)}, where an evaluation met the criterion."
    return Table("Evaluations", ("seed", "step", "loss", "wrong", "confirmed loss", "confirmed wrong"), rows, note)


def _scores(row: Row, kind: str) -> tuple[str, str]:
    """Returns loss and error as text; what is not finite is told, and what was not measured is empty."""
    if f"{kind}_loss" not in row:
        return "", ""
    loss, error = (row[f"{kind}_{name}"] for name in ("loss", "error"))
    return "not finite" if loss is None else f"{loss:.4g}", "not finite" if error is None else f"{error:.2%}"
