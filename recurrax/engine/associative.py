"""Cells that are linear in the carry, over all steps at once."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax._util.float_leaves import float_leaves, float_merger, is_float
from recurrax._util.sizes import at_most
from recurrax.cell import Carry
from recurrax.engine.chunks import chunk_of, in_chunks
from recurrax.engine.executor import Executor
from recurrax.engine.linear_recurrence import cut_recurrence, linear_recurrence
from recurrax.engine.linearity import fault_of_linearity
from recurrax.engine.products import forward_mode_refusal
from recurrax.engine.run import Run, cuts, emit_all, in_processing_order, project_all, transition


@dataclasses.dataclass(frozen=True)
class Associative(Executor):
    """Runs a cell with `linear = True` in O(log T) depth (Martin & Cundy 2018).

    What such a cell adds is its step from a state of zeros, what it multiplies by is how the step changes along a
    state of ones; masks and resets are part of both. The states are the scan of these maps under composition.

    Attributes:
      chunk: steps that are run at once, one chunk after the other, for less memory and work; None for all of them.
    """

    chunk: int | None = None

    def __post_init__(self):
        if self.chunk is not None:
            checks.positive_int("chunk", self.chunk)

    def refusal(self, run):
        if not run.cell.linear:
            return "its step is not linear and diagonal in the carry (Cell.linear is False)"
        if not all(map(is_float, jax.tree.leaves(run.carry))):
            return "its carry has integer fields, which follow no linear recurrence"
        return forward_mode_refusal(run) or fault_of_linearity(run)

    def __call__(self, run):
        if self.chunk is None:
            return _all_at_once(run)
        return in_chunks(chunk_of(_all_at_once, run), run, self.chunk)


def _all_at_once(run: Run) -> tuple[Carry, Any]:
    reverse, run = run.reverse, run.forwards()
    z = project_all(run)
    with_floats = float_merger(run.carry)
    start = float_leaves(run.carry)

    def affine_map(z, inputs):
        """Returns what the step adds and what it multiplies by."""

        def step(floats):
            return float_leaves(transition(run, with_floats(floats), z, inputs))

        zeros, ones = (jax.tree.map(fill, start) for fill in (jnp.zeros_like, jnp.ones_like))
        return jax.jvp(step, (zeros,), (ones,))

    added, factors = jax.vmap(affine_map)(z, run.inputs)
    solve = cut_recurrence if cuts(run.inputs) else linear_recurrence
    states = with_floats([solve(*leaf) for leaf in zip(factors, added, start, strict=True)])
    final = jax.tree.map(lambda s, first: first if at_most(run.length, 0) else s[-1], states, run.carry)
    return final, in_processing_order(emit_all(run, states, z), reverse)
