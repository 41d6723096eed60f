"""What a training writes down on its way."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.common.workdir import Workdir
from experiments.training.measure import Flow
from experiments.training.metrics import METRICS, Metrics
from experiments.training.results import part_name
from experiments.training.success import is_solved
from experiments.training.tensorboard import TensorBoard
from recurrax.tasks.task import Task

Line = dict[str, Any]
"""Values of one seed at one step."""


class Record:
    """Lines of metrics, for TensorBoard as well where that is asked for, and gradient norms; made by `recording`."""

    def __init__(self, workdir: Workdir, metrics: Metrics, tensorboard: TensorBoard | None):
        self._workdir, self._metrics, self._tensorboard = workdir, metrics, tensorboard

    def holds(self, step: int) -> bool:
        """Tells whether the lines of a step are written; that a seed diverged in it is none of them."""
        return any(row["step"] == step and not row.get("diverged") for row in reversed(self._metrics.rows))

    def is_solved(self, seed: int, task: Task) -> bool:
        """Tells whether a line of that seed says that its task is solved."""
        return any(is_solved(row, task) for row in self._metrics.rows if row["seed"] == seed)

    @property
    def first_divergence(self) -> int:
        """The first step in which a seed diverged, where one did."""
        return min(row["step"] for row in self._metrics.rows if row.get("diverged"))

    def write(self, step: int, seed: int, line: Line) -> None:
        """Writes a line."""
        self._metrics.write(step, seed, **line)
        if self._tensorboard:
            self._tensorboard.write(step, f"seed_{seed}", line)

    def save_flow(self, step: int, seeds: np.ndarray, flow: Flow) -> None:
        """Saves how the gradient flows in the networks of the seeds `[S]`, for `experiments.training.results`."""
        self._workdir.save_part(part_name(step), {"seeds": seeds, **flow._asdict()})


@contextlib.contextmanager
def recording(
    workdir: Workdir, step: int, seeds: range, *, whole: bool = True, tensorboard: bool = False
) -> Iterator[Record]:
    """Opens the record of a training that goes on after `step`; what an earlier one wrote behind that is dropped.

    Args:
      workdir: of the training.
      step: that it goes on from.
      seeds: of the training.
      whole: whether the lines of that step are all there, as `Metrics.open` has it.
      tensorboard: whether to write for TensorBoard as well.

    Raises:
      ExperimentError: a line is damaged; the message names it.
    """
    with contextlib.ExitStack() as stack:
        metrics = stack.enter_context(Metrics(workdir.path / METRICS, seeds))
        metrics.open(step, whole=whole)
        board = stack.enter_context(TensorBoard(workdir.path / "tensorboard", step)) if tensorboard else None
        yield Record(workdir, metrics, board)
