"""Which executor runs: what was asked for, or the rule that measurements made."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from recurrax.cells.cell import Cell
from recurrax.engine.associative import Associative
from recurrax.engine.backend import Backend
from recurrax.engine.fused import Fused, step_size
from recurrax.engine.newton import Newton
from recurrax.engine.recurrence import Recurrence
from recurrax.engine.scan import Scan


class Choice(NamedTuple):
    """The executor that runs, why, and why not the others."""

    backend: Backend
    reason: str
    refused: dict[str, str]


BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (Scan(), Fused(), Associative(), Newton())}
"""How a recurrence can be executed, by the name that `backend` takes; all give the same values and gradients."""


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
    linear: bool = False
    """Whether the cell is linear and diagonal in the carry."""
    diagonal: bool = False
    """Whether it is diagonal in the carry."""


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


def choose(cell: Cell, run: Recurrence, backend: str | Backend) -> Choice:
    """Returns what `backend`, an instance, a name or "auto", leads to.

    Raises:
      ValueError: the executor that was asked for cannot execute the run.
    """
    if backend != "auto":
        asked = BACKENDS[backend] if isinstance(backend, str) else backend
        reason = asked.refusal(cell, run)
        if reason is not None:
            raise ValueError(f"backend={backend!r} cannot run {cell!r}: {reason}; use backend='scan' or 'auto'.")
        return Choice(asked, "asked for", {})
    refused: dict[str, str] = {}
    facts = _facts(cell, run)
    for rule in RULES:
        if rule.applies(facts):
            reason = BACKENDS[rule.backend].refusal(cell, run)
            if reason is None:
                return Choice(BACKENDS[rule.backend], rule.reason, refused)
            refused[rule.backend] = reason
    return Choice(BACKENDS["scan"], "right for every cell", refused)


def _facts(cell: Cell, run: Recurrence) -> Facts:
    x = jax.tree.leaves(run.inputs.x)[0]
    steps, *batch = x.shape[: x.ndim - cell.input_ndim]
    products, projected = step_size(cell, run)
    diagonal = cell.diagonal or cell.linear
    return Facts(jax.default_backend(), steps, math.prod(batch), products, projected, cell.linear, diagonal)
