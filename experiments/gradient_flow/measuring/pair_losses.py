"""How easy two parts of a text are for a model that knows one symbol back: whether their losses can be compared."""

import numpy as np
from jaxtyping import UInt8

MOST = 1 << 22
"""Symbols of each part that are counted, the first of it."""


def pair_losses(train: UInt8[np.ndarray, "N"], held_out: UInt8[np.ndarray, "M"], symbols: int) -> tuple[float, float]:
    """Returns the loss of counted pairs on both parts, nats per symbol.

    The model predicts b after a with probability (n_ab + 1/2) / (n_a + V/2), with n counted in the training text.

    Args:
      train: the part to count in, as indices below `symbols`.
      held_out: the other part.
      symbols: V.
    """
    pairs, others = (_pairs(part[:MOST], symbols) for part in (train, held_out))
    log_probabilities = np.log(pairs + 0.5) - np.log(pairs.sum(1, keepdims=True) + 0.5 * symbols)
    first, second = (-float(np.sum(counts * log_probabilities) / counts.sum()) for counts in (pairs, others))
    return first, second


def _pairs(ids: np.ndarray, symbols: int) -> np.ndarray:
    """Returns how often each symbol is followed by each, `[V, V]`."""
    numbers = ids[:-1].astype(np.int32) * symbols + ids[1:]
    return np.bincount(numbers, minlength=symbols**2).reshape(symbols, symbols)
