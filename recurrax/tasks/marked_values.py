"""Sequences of numbers of which two are marked: what the adding and the multiplication task share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

VARIANTS = {
    "urnn": "one mark in each half (Arjovsky, Shah & Bengio 2016); the commonest",
    "tcn": "two marks anywhere (Bai, Kolter & Koltun 2018)",
    "pascanu": "marks in the first tenth and between one and five tenths; lengths L to 1.1 L (Pascanu et al. 2013)",
    "hochreiter": "the first among the first ten, the second in the first half; ends marked by -1; lengths L to 1.1 L",
}
_TWO = 2, "the two marks stand at different steps"
_LEAST = {
    "urnn": _TWO,
    "tcn": _TWO,
    "pascanu": (10, "the first mark stands in its first tenth"),
    "hochreiter": (22, "the first ten steps, one of which is marked, lie in its first half"),
}


class Marked(NamedTuple):
    """Sequences, and the two values that are marked in each."""

    xs: jax.Array
    """`[T, B, 2]`: the value, and its mark."""
    first: jax.Array
    """`[B]`."""
    second: jax.Array
    """`[B]`."""
    lengths: jax.Array | None
    """`[B]`; None where all are T."""


def least(variant: str) -> tuple[int, str]:
    """Returns the least length of a variant, and why it is that."""
    return _LEAST[variant]


def steps(variant: str, length: int) -> int:
    """Returns T, the longest sequence."""
    return length + _more(variant, length) - (variant == "pascanu")


def _more(variant: str, length: int) -> int:
    """Returns how much longer than `length` sequences may be."""
    return length // 10 if variant in ("pascanu", "hochreiter") else 0


def draw(key: jax.Array, variant: str, length: int, batch_size: int, low: float, neutral: float) -> Marked:
    """Draws values from U[low, 1] and marks two.

    Args:
      key: source of randomness.
      variant: a name in `VARIANTS`.
      length: L.
      batch_size: B.
      low: the least value.
      neutral: what a marked value at the first step becomes in the variant "hochreiter".
    """
    total = steps(variant, length)
    key_value, key_first, key_second, key_length = jax.random.split(key, 4)
    values = jax.random.uniform(key_value, (total, batch_size), minval=low)
    at = jnp.arange(batch_size)

    def position(key, begin, end):
        return jax.random.randint(key, (batch_size,), begin, end)

    lengths = jax.random.randint(key_length, (batch_size,), length, total + 1)
    if variant == "urnn":
        first, second = position(key_first, 0, length // 2), position(key_second, length // 2, length)
    elif variant == "tcn":
        first, second = position(key_first, 0, length), position(key_second, 0, length - 1)
        second = second + (second >= first).astype(second.dtype)
    elif variant == "pascanu":
        tenth, half = lengths // 10, lengths * 4 // 10
        first, second = position(key_first, 0, tenth), tenth + position(key_second, 0, half)
    else:
        first, second = position(key_first, 0, 10), position(key_second, 0, length // 2 - 2)
        second = second + (second >= first).astype(second.dtype)
        values = values.at[0].set(jnp.where((first == 0) | (second == 0), neutral, values[0]))
    marks = jnp.zeros((total, batch_size)).at[first, at].set(1.0).at[second, at].set(1.0)
    if variant == "hochreiter":
        marks = marks.at[0].set(jnp.where(marks[0] == 1, 1.0, -1.0)).at[lengths - 1, at].set(-1.0)
    vary = variant in ("pascanu", "hochreiter")
    xs = jnp.stack([values, marks], -1)
    return Marked(xs, values[first, at], values[second, at], lengths if vary else None)


def first_step_is_marked(length: int) -> float:
    """Returns how often a mark of the variant "hochreiter" falls on the first step."""
    return 1 / 10 + 9 / 10 / (length // 2 - 2)
