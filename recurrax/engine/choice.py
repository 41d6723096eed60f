"""Which executor runs: what was asked for, or the rule that measurements made."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax

from recurrax.cell import Cell
from recurrax.engine.associative import Associative
from recurrax.engine.executor import Executor
from recurrax.engine.fused import Fused
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.newton import Newton
from recurrax.engine.products import StepSize, step_size
from recurrax.engine.run import Run, by_layer
from recurrax.engine.scan import Scan


class Choice(NamedTuple):
    """The executor that runs, and why."""

    executor: Executor
    reason: str


EXECUTORS: dict[str, Executor] = {
    executor.name: executor for executor in (Scan(), Fused(), Associative(), Newton(), Kernel())
}
"""How a recurrence can be executed, by the name that `executor` takes; all give the same values and gradients."""


class Facts(NamedTuple):
    """What rules are made of."""

    device: str
    """"cpu", "gpu" or "tpu"."""
    steps: int
    step: StepSize
    linear: bool = False
    """Whether the cell is linear and diagonal in the carry."""


class Rule(NamedTuple):
    """What "auto" takes where `applies` holds."""

    applies: Callable[[Facts], bool]
    executor: str
    reason: str


RULES = (
    Rule(lambda f: f.steps <= 1, "scan", "a single step"),
    Rule(
        lambda f: f.device != "cpu" and f.linear and f.steps >= 64,
        "associative",
        "a linear cell on a device that does many things at once",
    ),
    Rule(
        lambda f: f.step.products == 0 and not f.step.projects,
        "scan",
        "neither does project compute anything nor does a product in the step go through dot: nothing to do at once",
    ),
    Rule(
        lambda f: (
            f.device == "cpu" and f.steps * f.step.projected > 2_000_000 and f.step.weights <= 16 * f.step.projected
        ),
        "scan",
        "a large batch on a CPU: what would be kept leaves the cache, and weights are small beside it",
    ),
    Rule(lambda f: True, "fused", "inputs projected, and weight gradients summed up, for all steps at once"),
)
"""The first rule that applies, and whose executor does not refuse, decides.

None takes `kernel`, which has not been timed beside the others yet, nor `newton`: whether it converges depends on the
parameters, and where it does not it is slower than `scan`. `benchmarks/README.md` has the measurements,
`python -m benchmarks.executors` makes them."""


@dataclasses.dataclass(frozen=True)
class Layers(Executor):
    """Executes a composition in depth layer by layer, each as `executor` has it."""

    executor: str | Executor

    def __call__(self, cell, run, *, reverse=False):
        def execute(cell, run, *, reverse=False):
            return choose(cell, run, self.executor).executor(cell, run, reverse=reverse)

        return by_layer(execute, cell, run, reverse=reverse)


def choose(cell: Cell, run: Run, executor: str | Executor) -> Choice:
    """Returns what `executor`, an instance, a name or "auto", leads to.

    Raises:
      ValueError: the executor that was asked for cannot execute the run.
    """
    if cell.layers:
        return Choice(Layers(executor), f"{len(cell.layers)} layers one after the other, each by executor={executor!r}")
    if executor != "auto":
        asked = EXECUTORS[executor] if isinstance(executor, str) else executor
        reason = asked.refusal(cell, run)
        if reason is not None and asked.falls_back:
            instead = choose(cell, run, "auto")
            return Choice(instead.executor, f"in the place of {asked.name}: {reason}")
        if reason is not None:
            raise ValueError(f"executor={executor!r} cannot run {cell!r}: {reason}; use executor='scan' or 'auto'.")
        return Choice(asked, "asked for")
    facts = _facts(cell, run)
    for rule in RULES:
        if rule.applies(facts) and EXECUTORS[rule.executor].refusal(cell, run) is None:
            return Choice(EXECUTORS[rule.executor], rule.reason)
    return Choice(EXECUTORS["scan"], "right for every cell")


def refusals(cell: Cell, run: Run) -> dict[str, str]:
    """Returns the executors that cannot execute the run, each with the reason."""
    if cell.layers:
        return {}
    reasons = {name: executor.refusal(cell, run) for name, executor in EXECUTORS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _facts(cell: Cell, run: Run) -> Facts:
    return Facts(jax.default_backend(), run.inputs.length, step_size(cell, run), cell.linear)
