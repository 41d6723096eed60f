"""Which executor runs: the one that was asked for, or the one that measurements made the rule."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from jax.export import is_symbolic_dim

from recurrax._util import checks
from recurrax._util.sizes import counted
from recurrax.engine.associative import Associative
from recurrax.engine.chunks import checkpointed
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
"""The executors with their default settings, by the names that stand for them; `Checkpointed` joins them below."""


class Facts(NamedTuple):
    """What rules are made of."""

    platform: str
    """"cpu", "gpu" or "tpu"."""
    steps: int
    step: StepSize
    linear: bool = False
    """Whether the cell is linear and diagonal in the carry."""

    @property
    def projected(self) -> int:
        """Numbers that all steps are given of their inputs."""
        return self.steps * self.step.projected


class Rule(NamedTuple):
    """What "auto" takes where `applies` holds."""

    applies: Callable[[Facts], bool]
    executor: Callable[[Facts], Executor]
    reason: str


RULES = (
    Rule(lambda f: f.steps <= 1, lambda f: Scan(), "a single step"),
    Rule(
        lambda f: f.platform != "cpu" and f.linear and f.steps >= 64,
        lambda f: Associative(),
        "a linear cell on a device that does many things at once",
    ),
    Rule(
        lambda f: f.step.products == 0 and not f.step.projects,
        lambda f: Scan(),
        "project computes nothing and no product of the step goes through dot: there is nothing to do at once",
    ),
    Rule(
        lambda f: (
            f.platform == "cpu"
            and f.step.weights <= 4 * f.step.projected
            and f.step.projected > f.step.state
            and f.projected > 150_000
            and (f.projected <= 1_500_000 or f.step.projected > 2 * f.step.state)
        ),
        lambda f: Scan(),
        "many examples beside few weights on a CPU: to sum up gradients later costs more than it saves",
    ),
    Rule(
        lambda f: f.platform == "cpu" and f.projected > 1_000_000,
        lambda f: Fused(chunk=max(4, 170_000 // f.step.projected)),
        "inputs projected, and weight gradients summed up, for as many steps at once as a CPU's cache holds",
    ),
    Rule(lambda f: True, lambda f: Fused(), "inputs projected, and weight gradients summed up, for all steps at once"),
)
"""The first rule that applies, and whose executor does not refuse, decides.

None takes `Kernel`, which has not been timed beside the others yet, nor `Newton`: whether it converges depends on the
parameters, and where it does not it is slower than `Scan`. `benchmarks/README.md` has the measurements,
`python -m benchmarks.auto` and `python -m benchmarks.executors` make them."""


def check_executor(executor: Any) -> None:
    """Raises unless `executor` is the name of an executor, "auto", or an instance that compares by value.

    Raises:
      TypeError, ValueError: it is none of these; the message says what to give.
    """
    if isinstance(executor, Executor):
        checks.compares_by_value("executor", executor)
    elif isinstance(executor, type) and issubclass(executor, Executor):
        raise TypeError(f"executor must be an instance, e.g. {executor.__name__}(), got the class itself.")
    elif not isinstance(executor, str):
        raise TypeError(
            f"executor must be a name or an instance such as recurrax.Newton(), got {checks.brief(executor)}."
        )
    else:
        checks.choice("executor", executor, ("auto", *EXECUTORS))


@dataclasses.dataclass(frozen=True)
class Layers(Executor):
    """Executes a composition in depth layer by layer, each as `executor` has it.

    Attributes:
      executor: an executor, its name, or "auto".
      within: what the whole is executed by, for messages; None where that is this.
    """

    executor: str | Executor
    within: "Checkpointed | None" = None

    def __call__(self, run):
        def execute(run):
            return choose(run, self.executor, self.within).executor(run)

        return by_layer(execute, run)


@dataclasses.dataclass(frozen=True)
class Checkpointed(Executor):
    """Keeps the state at every so many steps only, and runs the steps between again when a gradient needs them.

    Memory for T steps falls from T to T / every + every, for one more forward pass (Chen et al. 2016).

    Attributes:
      executor: what runs the steps between: an executor, its name, or "auto".
      every: steps after which a state is kept; "sqrt" for the square root of T, 32 where T is symbolic (`jax.export`).
    """

    executor: str | Executor = "auto"
    every: int | str = "sqrt"

    def __post_init__(self):
        check_executor(self.executor)
        if isinstance(self.executor, Checkpointed) or self.executor == "checkpointed":
            raise ValueError(f"executor must not be Checkpointed itself, got {self.executor!r}.")
        if isinstance(self.every, str):
            if self.every != "sqrt":
                raise ValueError(f"every must be a number of steps or 'sqrt', got {self.every!r}.")
        else:
            checks.positive_int("every", self.every)

    def steps(self, length: int) -> int:
        """Returns after how many of T steps a state is kept."""
        if not isinstance(self.every, str):
            return self.every
        return 32 if is_symbolic_dim(length) else max(1, math.isqrt(length))

    def __call__(self, run):
        # The executor is an instance where `choose` has been asked before.
        inner = self.executor if isinstance(self.executor, Executor) else choose(run, self.executor).executor
        return checkpointed(inner, self.steps(run.length))(run)


EXECUTORS["checkpointed"] = Checkpointed()


def _asked(executor: str | Executor) -> Executor | None:
    """Returns the executor that was asked for; None for "auto"."""
    return EXECUTORS.get(executor) if isinstance(executor, str) else executor


def follows_rules(executor: str | Executor) -> bool:
    """Whether rules, which ask for the platform, choose what runs."""
    asked = _asked(executor)
    if isinstance(asked, Checkpointed):
        return follows_rules(asked.executor)
    return asked is None or asked.falls_back


def choose(run: Run, executor: str | Executor, within: Checkpointed | None = None) -> Choice:
    """Returns what `executor`, an instance, a name or "auto", leads to; `within` is what was asked for around it.

    Raises:
      ValueError: the executor that was asked for cannot execute the run.
    """
    asked = _asked(executor)
    if isinstance(asked, Checkpointed):
        inner = choose(run, asked.executor, asked)
        return Choice(dataclasses.replace(asked, executor=inner.executor), inner.reason)
    if run.cell.layers:
        return Choice(
            Layers(executor, within),
            f"{len(run.cell.layers)} layers one after the other, each by executor={executor!r}",
        )
    if asked is None:
        return _by_rule(run)
    reason = asked.refusal(run)
    if reason is None:
        return Choice(asked, "asked for")
    if asked.falls_back:
        return Choice(_by_rule(run).executor, f"in the place of {asked.name}: {reason}")

    def shown(name: str | Executor) -> str:
        return repr(name if within is None else dataclasses.replace(within, executor=name))

    advice = f"use executor={shown('scan')} or {shown('auto')}"
    raise ValueError(f"executor={shown(executor)} cannot run {run.cell!r}: {reason}; {advice}.")


def refusals(run: Run) -> dict[str, str]:
    """Returns the executors that cannot execute the run, each with the reason."""
    if run.cell.layers:
        return {}
    reasons = {name: executor.refusal(run) for name, executor in EXECUTORS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _by_rule(run: Run) -> Choice:
    facts = Facts(run.platform, counted(run.length), step_size(run), run.cell.linear)
    for rule in RULES:
        if not rule.applies(facts):
            continue
        executor = rule.executor(facts)
        if executor.refusal(run) is None:
            return Choice(executor, rule.reason)
    return Choice(Scan(), "right for every cell")
