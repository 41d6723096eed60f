"""What a training left in its folder, read back seed by seed."""

from pathlib import Path
from typing import NamedTuple

from experiments.common.workdir import load_arrays
from experiments.training.config import Training
from experiments.training.measure import Flow
from experiments.training.metrics import METRICS, Row, read_rows
from experiments.training.success import is_solved, meets
from recurrax.tasks.task import Task


class Curve(NamedTuple):
    """How one network learned."""

    seed: int
    rows: list[Row]
    """Its lines of `metrics.jsonl`."""
    flows: dict[int, Flow]
    """How the gradient of the last answer flows, by training step."""

    @property
    def evaluated(self) -> list[Row]:
        """The lines with an evaluation."""
        return [row for row in self.rows if "eval_loss" in row]

    @property
    def diverged_in(self) -> int | None:
        """The training step whose loss or gradient was not finite."""
        return next((row["step"] for row in self.rows if row.get("diverged")), None)

    def solved_after(self, task: Task) -> int | None:
        """Returns the steps until the first evaluation that met the criterion and was confirmed; None without one."""
        return next((row["step"] for row in self.rows if is_solved(row, task)), None)

    def refuted(self, task: Task) -> list[Row]:
        """Returns the lines whose evaluation met the criterion and whose confirmation did not."""
        return [row for row in self.rows if meets(row, task) and not is_solved(row, task)]


def read(config: Training, folder: Path) -> list[Curve]:
    """Returns the curves of all seeds, also of a training that is not over or came to nothing.

    Raises:
      ExperimentError: a line of metrics is damaged; the message names it.
    """
    rows = read_rows(folder / METRICS, config.seed_range)
    flows: dict[int, dict[int, Flow]] = {}
    for step in sorted({row["step"] for row in rows if row.get("gradient_norms")}):
        part = load_arrays(folder / "parts" / f"{part_name(step)}.npz", ("seeds", *Flow._fields))
        if part:
            for seed, *flow in zip(part["seeds"], *(part[name] for name in Flow._fields), strict=True):
                flows.setdefault(int(seed), {})[step] = Flow(*flow)
    return [
        Curve(seed, [row for row in rows if row["seed"] == seed], flows.get(seed, {})) for seed in config.seed_range
    ]


def part_name(step: int) -> str:
    """Returns the name of the part that holds gradient norms after so many training steps."""
    return f"gradient_norms-{step:09d}"
