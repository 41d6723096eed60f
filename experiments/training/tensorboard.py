"""Metrics for TensorBoard, where a user asks for them; the lines of JSON stay the record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.common.errors import ExperimentError


class TensorBoard:
    """Event files in a folder; a context manager.

    Raises:
      ExperimentError: the package that writes them is not installed.
    """

    def __init__(self, folder: Path, step: int):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ExperimentError(
                "config.tensorboard needs tensorboardX, which is not installed.\n"
                "In the clone: pip install -e '.[tensorboard]'"
            ) from None
        # What an earlier run wrote after the step that this one goes on from is hidden.
        self._writer = SummaryWriter(str(folder), purge_step=step + 1, flush_secs=10)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_) -> None:
        self._writer.close()

    def write(self, step: int, group: str, values: Mapping[str, Any]) -> None:
        """Writes the numbers among the values, under the name of a group."""
        for name, value in values.items():
            if isinstance(value, float):
                self._writer.add_scalar(f"{group}/{name}", value, step)
