"""Which executor runs: what was asked for, or the rule that measurements made."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from recurrax.cells.cell import Cell
from recurrax.engine import fused, scan
from recurrax.engine.recurrence import Executor, Recurrence


class Backend(NamedTuple):
    """An executor, and what it cannot execute."""

    execute: Executor
    refusal: Callable[[Cell, Recurrence], str | None]
    """Says why a run cannot be executed; None where it can."""


class Choice(NamedTuple):
    """The executor that runs, why, and why not the others."""

    backend: str
    reason: str
    refused: dict[str, str]


BACKENDS = {
    "scan": Backend(scan.scan, lambda cell, run: None),
    "fused": Backend(fused.fused, fused.refusal),
}
"""How a recurrence can be executed, by the name that `backend` takes; every one gives the same values and gradients."""


class Facts(NamedTuple):
    """What rules are made of."""

    device: str
    """"cpu", "gpu" or "tpu"."""
    steps: int
    batch: int
    """Examples."""
    products: int
    """Products with a weight in a step."""
    projected: int
    """Arrays that a step is given of its input: 4 for an LSTM, one per gate."""


class Rule(NamedTuple):
    """What "auto" takes where `applies` holds."""

    applies: Callable[[Facts], bool]
    backend: str
    reason: str


RULES = (
    Rule(lambda f: f.steps <= 1, "scan", "a single step"),
    Rule(lambda f: f.products == 0, "scan", "no product in the step goes through dot, so there is nothing to defer"),
    Rule(
        lambda f: f.device == "cpu" and f.batch > (16 if f.projected > 3 else 96),
        "scan",
        "a large batch on a CPU, where keeping more costs more than it saves",
    ),
    Rule(lambda f: True, "fused", "weight gradients of all steps in one product"),
)
"""The first rule that applies, and whose executor does not refuse, decides. See `benchmarks/README.md`."""


def choose(cell: Cell, run: Recurrence, backend: str) -> Choice:
    """Returns what `backend`, a name or "auto", leads to.

    Raises:
      ValueError: the executor that was asked for cannot execute the run.
    """
    if backend != "auto":
        reason = BACKENDS[backend].refusal(cell, run)
        if reason is not None:
            raise ValueError(f"backend={backend!r} cannot run {cell!r}: {reason}; use backend='scan' or 'auto'.")
        return Choice(backend, "asked for", {})
    refused: dict[str, str] = {}
    facts = _facts(cell, run)
    for rule in RULES:
        if rule.applies(facts):
            reason = BACKENDS[rule.backend].refusal(cell, run)
            if reason is None:
                return Choice(rule.backend, rule.reason, refused)
            refused[rule.backend] = reason
    return Choice("scan", "right for every cell", refused)


def _facts(cell: Cell, run: Recurrence) -> Facts:
    x = jax.tree.leaves(run.inputs.x)[0]
    steps, *batch = x.shape[: x.ndim - cell.input_ndim]
    products, projected = fused.step_size(cell, run)
    return Facts(jax.default_backend(), steps, math.prod(batch), products, projected)
