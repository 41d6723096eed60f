"""What an executor is."""

import abc
import dataclasses
from typing import Any, ClassVar

import jax

from recurrax.cell import Carry
from recurrax.engine.run import Run


@dataclasses.dataclass(frozen=True)
class Executor(abc.ABC):
    """A way to execute a run, with its settings; all agree in values and derivatives.

    `executor` of `recurrax.unroll` takes an instance, or the class's name in lower case for the default settings.
    """

    falls_back: ClassVar[bool] = False
    """True where another executor takes the place of this one for what it refuses, and no error is raised."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)

    @property
    def name(self) -> str:
        """The class's name in lower case."""
        return type(self).__name__.lower()

    def refusal(self, run: Run) -> str | None:
        """Says why a run cannot be executed; None where it can."""
        del run
        return None

    @abc.abstractmethod
    def __call__(self, run: Run) -> tuple[Carry, Any]:
        """Executes a run.

        Returns:
          The final carry and the outputs `[T, *B, ...]`, in the order of the inputs.
        """
