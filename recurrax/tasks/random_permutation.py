"""The random-permutation task."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks.task import Batch, Chance, Classification, Solved, at_the_end, check_length


@dataclasses.dataclass(frozen=True)
class RandomPermutation(Classification):
    """Tells the first symbol again at the end (Martens & Sutskever 2011; this form: Pascanu et al. 2013).

    The first symbol is one of two; all others are drawn anew from the rest of the alphabet. After the last step the
    first symbol is asked for, among all of them: what else there is to tell is nothing.

    Attributes:
      length: steps of a sequence.
      symbols: size of the alphabet.
    """

    length: int = 100
    symbols: int = 100

    def __post_init__(self):
        check_length(self, 2, "the first symbol is asked for after others")
        checks.positive_int("symbols", self.symbols)
        if self.symbols < 3:
            raise ValueError(f"symbols must be at least 3, got {self.symbols}.")

    @property
    def input_size(self):
        """One per symbol."""
        return self.symbols

    @property
    def output_size(self):
        """One score per symbol."""
        return self.symbols

    @property
    def chance(self):
        """One of the first two symbols."""
        return Chance(math.log(2), 0.5)

    @property
    def solved(self):
        """Below 1 % wrong (Pascanu et al. 2013)."""
        return Solved("error", 0.01)

    def _draw(self, key, batch_size):
        key_first, key_rest = jax.random.split(key)
        first = jax.random.randint(key_first, (batch_size,), 0, 2)
        rest = jax.random.randint(key_rest, (self.length - 1, batch_size), 2, self.symbols)
        ids = jnp.concatenate([first[None], rest])
        return Batch(jax.nn.one_hot(ids, self.symbols), **at_the_end(self.length, first))
