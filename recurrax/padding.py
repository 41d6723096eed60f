"""Sequences of unlike length as one batch: padded to one length, and the mask of what is padding."""

import bisect
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.export import is_symbolic_dim
from jaxtyping import Array, Bool, Int

from recurrax._util import checks
from recurrax._util.sizes import at_most


class PaddedSequences(NamedTuple):
    """A batch of sequences, in arrays of NumPy; zeros after the end of each."""

    xs: Any
    """`[T, B, ...]`, or `[B, T, ...]` where it is batch-major."""
    mask: Bool[np.ndarray, "T B"]
    """True where a step exists, in the order of `xs`: what `unroll` and the Flax layers take as `mask`."""
    lengths: Int[np.ndarray, " B"]
    """Steps of each sequence: what the Flax layers take as `seq_lengths`."""


def pad_sequences(
    sequences: Sequence[Any], *, buckets: Sequence[int] | None = None, batch_major: bool = False
) -> PaddedSequences:
    """Pads sequences to one length T, one of few, so that few programs are compiled.

    A jitted function is compiled anew for every T, and what was compiled stays in memory, some 2 to 6 MiB per T for
    the gradient of a layer. With the default buckets lengths up to 1,024 make 20 programs, and less than a third of T
    is padding because of them.

    >>> batch = pad_sequences([jnp.ones((5, 3)), jnp.ones((9, 3))])
    >>> batch.xs.shape, batch.lengths.tolist()
    ((12, 2, 3), [5, 9])
    >>> cell = LSTM(hidden_size=8)
    >>> carry, ys = unroll(cell, cell.init(jax.random.key(0), 3), batch.xs, mask=batch.mask)

    Args:
      sequences: arrays `[T_b, ...]`, or pytrees of arrays that share T_b; all alike but for T_b.
      buckets: the lengths that T may have, rising; default 1, 2, 3, 4, 6, 8, 12, 16, 24, ..., two per doubling.
      batch_major: whether the batch axis comes first, as in the Flax layers.

    Raises:
      TypeError, ValueError: there is no sequence, they differ in more than length, one is longer than the last bucket,
        or `buckets` do not rise.
    """
    checks.boolean("batch_major", batch_major)
    if len(sequences) == 0:
        raise ValueError("sequences must hold at least one sequence, got none.")
    for n, sequence in enumerate(sequences):
        checks.arrays(f"sequences[{n}]", sequence)
    trees = [jax.tree.map(np.asarray, sequence) for sequence in sequences]
    lengths = np.array([_length(n, tree) for n, tree in enumerate(trees)], np.int32)
    for n, tree in enumerate(trees):
        _check_alike(n, tree, trees[0])
    length = _bucket(int(lengths.max()), buckets)

    def padded(*arrays: np.ndarray) -> np.ndarray:
        batch = np.zeros((length, len(arrays), *arrays[0].shape[1:]), arrays[0].dtype)
        for n, array in enumerate(arrays):
            batch[: len(array), n] = array
        return batch.swapaxes(0, 1) if batch_major else batch

    mask = np.arange(length)[:, None] < lengths[None]
    return PaddedSequences(jax.tree.map(padded, *trees), mask.T if batch_major else mask, lengths)


def _length(n: int, tree: Any) -> int:
    """Returns T_b."""
    leaves = jax.tree.leaves(tree)
    if not leaves or any(leaf.ndim == 0 for leaf in leaves):
        raise ValueError(f"sequences[{n}] must have a time axis in every array, got {checks.brief(tree)}.")
    lengths = sorted({len(leaf) for leaf in leaves})
    if len(lengths) > 1:
        raise ValueError(f"sequences[{n}] must have one length in all its arrays, got {lengths}.")
    return lengths[0]


def _check_alike(n: int, tree: Any, first: Any) -> None:
    """Raises unless a sequence is as the first one but for its length."""
    difference = checks.difference(tree, first)
    if difference is not None:
        raise TypeError(f"sequences must be alike, but of sequences[{n}]{difference}, as in sequences[0].")
    for leaf, wanted in zip(jax.tree.leaves(tree), jax.tree.leaves(first), strict=True):
        if leaf.shape[1:] != wanted.shape[1:] or leaf.dtype != wanted.dtype:
            raise ValueError(
                f"sequences[{n}] has shape {leaf.shape} and dtype {leaf.dtype}; after the time axis it must be as "
                f"sequences[0], of shape {wanted.shape} and dtype {wanted.dtype}."
            )


def _bucket(longest: int, buckets: Sequence[int] | None) -> int:
    """Returns the first of the buckets that holds the longest sequence."""
    if buckets is None:
        power = 1 << max(longest - 1, 0).bit_length()
        return power * 3 // 4 if power >= 4 and longest <= power * 3 // 4 else power
    for bucket in buckets:
        checks.positive_int("a length in buckets", bucket)
    if not buckets or list(buckets) != sorted(set(buckets)):
        raise ValueError(f"buckets must be lengths that rise, got {buckets!r}.")
    place = bisect.bisect_left(buckets, longest)
    if place == len(buckets):
        raise ValueError(f"buckets must hold the longest sequence, of {longest} steps, got {buckets!r}.")
    return buckets[place]


def length_mask(lengths: Int[Array, "*B"], length: int) -> Bool[Array, "T *B"]:
    """Returns the mask of sequences padded on the right: True at the first `lengths[b]` steps.

    >>> length_mask(jnp.array([2, 0, 3]), 3).astype(int)
    Array([[1, 0, 1],
           [1, 0, 1],
           [0, 0, 1]], dtype=int32)

    Args:
      lengths: integers between 0 and `length`. Values are checked where they are known, that is outside of `jit`.
      length: T; may be symbolic, `xs.shape[0]` in a program for `jax.export`.

    Raises:
      TypeError: `lengths` is not an integer array.
      ValueError: a length is negative or above T.
    """
    if type(length) is not int and not is_symbolic_dim(length):
        raise TypeError(f"length must be an integer (int), got {length!r} of type {type(length).__name__}.")
    if at_most(length, -1):
        raise ValueError(f"length must be at least 0, got {length}.")
    known = None if isinstance(lengths, Tracer) else np.asarray(lengths)
    dtype = lengths.dtype if known is None else known.dtype
    if not jnp.issubdtype(dtype, jnp.integer):
        raise TypeError(f"lengths must be integers, got dtype {dtype}.")
    if known is not None:
        outside = (known < 0) | (known > length)
        if outside.any():
            raise ValueError(f"lengths must lie between 0 and T = {length}, got {known[outside][0]}.")
    lengths = jnp.asarray(lengths, jnp.int32)
    steps = jnp.arange(length, dtype=jnp.int32).reshape((length,) + (1,) * lengths.ndim)
    return steps < lengths[None]
