"""Two layers over one sequence, from either end, whichever module holds them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from recurrax._layer.apply import CarryAndOutputs, leading_axes
from recurrax._layer.lengths import existing
from recurrax._util import checks
from recurrax.bidirectional import MERGES, merged, of_backward_direction
from recurrax.cell import Carry, Cell


class BothWays(NamedTuple):
    """A value for each direction."""

    forward: Any
    backward: Any


def check_pair(name: str, value: Any) -> None:
    """Raises unless `value` is a pair, of something for each direction; the fields of one direction's are none."""
    if type(value) not in (tuple, list, BothWays) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (forward, backward), got {checks.brief(value)}.")


def check_merge(merge: Any) -> None:
    """Raises unless the outputs of two directions can be joined so."""
    checks.choice("merge", merge, MERGES)


def apply_both_ways(
    directions: tuple[Callable[..., Any], Callable[..., Any]],
    cell: Cell,
    inputs: Any,
    *,
    merge: str,
    time_major: bool,
    seq_lengths: Any,
    mask: Any,
    resets: Any,
    initial_carries: tuple[Carry | None, Carry | None] | None,
    **given: Any,
) -> CarryAndOutputs:
    """Runs a layer forward and one backward, and joins their outputs.

    Args:
      directions: the two layers; they take `time_major` inputs if that is set.
      cell: of the forward direction.
      inputs: as in `apply`.
      merge: how outputs are joined, one of `MERGES`.
      time_major: whether time comes first.
      seq_lengths: as in `apply`; the backward direction begins at the last step that exists.
      mask: as in `apply`.
      resets: where True a new sequence begins.
      initial_carries: the states to start from, forward and backward; None for the cell's own.
      given: further arguments of both layers, as a pair.

    Returns:
      The two final carries, and the joined outputs.
    """
    mask = existing(leading_axes(cell, inputs, 1, time_major), seq_lengths, mask, time_major)
    starts = resets, _backward_resets(resets, mask, time_major)
    carries = (None, None) if initial_carries is None else initial_carries
    if not isinstance(carries, tuple) or len(carries) != 2:
        raise TypeError(
            f"initial_carries must be a pair (forward, backward) or None, got {checks.brief(initial_carries)}."
        )
    runs = []
    for n, direction in enumerate(directions):
        own = {"mask": mask, "resets": starts[n], "initial_carry": carries[n]}
        own |= {name: pair[n] for name, pair in given.items()}
        runs.append(direction(inputs, return_carry=True, **own))
    (forward, f), (backward, b) = runs
    return CarryAndOutputs(BothWays(forward, backward), merged(merge, f, b))


def _backward_resets(resets: Any, mask: Any, time_major: bool) -> Any:
    """Returns where the backward direction starts anew."""
    if resets is None:
        return None
    axis = 0 if time_major else -1
    time_first = [None if a is None else jnp.moveaxis(a, axis, 0) for a in (resets, mask)]
    return jnp.moveaxis(of_backward_direction(*time_first), 0, axis)  # pyright: ignore[reportArgumentType]
