"""The lengths of sequences as a mask over their steps."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from recurrax.padding import length_mask


def existing(
    steps: tuple[int, ...],
    seq_lengths: Int[Array, "*B"] | None,
    mask: Bool[Array, "*B T"] | None,
    time_major: bool = False,
) -> Any:
    """Returns the mask of the steps that exist by their length and by `mask`; None for all.

    Args:
      steps: the shape of the mask, `[*B, T]`, or `[T, *B]` where it is `time_major`.
      seq_lengths: steps at the start of each sequence that count.
      mask: as `steps`; False where a step does not exist.
      time_major: which of the two orders it is.

    Raises:
      TypeError, ValueError: the lengths have another shape, are no integers, or exceed T.
    """
    if seq_lengths is None:
        return mask
    length, batch_shape = (steps[0], steps[1:]) if time_major else (steps[-1], steps[:-1])
    seq_lengths = jnp.asarray(seq_lengths)
    if seq_lengths.shape != batch_shape:
        raise ValueError(
            f"seq_lengths must have shape {batch_shape} ([*B], one length per sequence), got {seq_lengths.shape}."
        )
    try:
        within = length_mask(seq_lengths, length)
    except (TypeError, ValueError) as error:
        raise type(error)(f"seq_lengths: {error}") from None
    within: jax.Array = within if time_major else jnp.moveaxis(within, 0, -1)
    return within if mask is None else mask & within
