"""Tasks on sequences whose answers depend on the distant past; one file per task, its chance level with it."""

# Made by `make exports`.
from typing import TYPE_CHECKING

from recurrax._util.lazy import exports

if TYPE_CHECKING:
    from recurrax.tasks.adding import Adding
    from recurrax.tasks.copy import Copy, SelectiveCopy, VariableCopy
    from recurrax.tasks.delayed_xor import DelayedXOR
    from recurrax.tasks.flip_flop import FlipFlop
    from recurrax.tasks.mnist_1d import MNIST1D
    from recurrax.tasks.multiplication import Multiplication
    from recurrax.tasks.random_permutation import RandomPermutation
    from recurrax.tasks.reber import ContinualReber, EmbeddedReber
    from recurrax.tasks.regular import CycleNavigation, EvenPairs, ModularArithmetic, Parity
    from recurrax.tasks.sequential_images import SequentialImages
    from recurrax.tasks.task import Batch, Chance, Classification, Regression, Solved, Task
    from recurrax.tasks.temporal_order import TemporalOrder
else:
    __getattr__, __dir__ = exports(
        __name__,
        {
            "MNIST1D": "mnist_1d",
            "Adding": "adding",
            "Batch": "task",
            "Chance": "task",
            "Classification": "task",
            "ContinualReber": "reber",
            "Copy": "copy",
            "CycleNavigation": "regular",
            "DelayedXOR": "delayed_xor",
            "EmbeddedReber": "reber",
            "EvenPairs": "regular",
            "FlipFlop": "flip_flop",
            "ModularArithmetic": "regular",
            "Multiplication": "multiplication",
            "Parity": "regular",
            "RandomPermutation": "random_permutation",
            "Regression": "task",
            "SelectiveCopy": "copy",
            "SequentialImages": "sequential_images",
            "Solved": "task",
            "Task": "task",
            "TemporalOrder": "temporal_order",
            "VariableCopy": "copy",
        },
    )

__all__ = [
    "MNIST1D",
    "Adding",
    "Batch",
    "Chance",
    "Classification",
    "ContinualReber",
    "Copy",
    "CycleNavigation",
    "DelayedXOR",
    "EmbeddedReber",
    "EvenPairs",
    "FlipFlop",
    "ModularArithmetic",
    "Multiplication",
    "Parity",
    "RandomPermutation",
    "Regression",
    "SelectiveCopy",
    "SequentialImages",
    "Solved",
    "Task",
    "TemporalOrder",
    "VariableCopy",
]
