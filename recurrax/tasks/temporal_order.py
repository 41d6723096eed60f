"""The temporal-order task."""

import dataclasses

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks.task import Batch, Classification, Solved, at_the_end, check_length, with_priors

DISTRACTORS = 4


@dataclasses.dataclass(frozen=True)
class TemporalOrder(Classification):
    """Tells in which order two or three symbols came (Hochreiter & Schmidhuber 1997, experiments 6a and 6b).

    Each of the symbols is A or B, at a random step of a known part of the sequence; all other steps show one of four
    distractors. After the last step one of the 4, or 8, orders AA, AB, BA, BB is asked for.

        variant         hundredths of the length                steps           inputs
        "pascanu"       10-19, 50-59; 10-19, 30-39, 60-69       L               A, B, c, d, e, f
        "hochreiter"    10-20, 50-60; 10-20, 33-43, 66-76       L to 1.1 L      the same, a start and an end

    Attributes:
      length: L, steps of a sequence.
      symbols: 2 or 3.
      variant: "pascanu" or "hochreiter".
    """

    length: int = 100
    symbols: int = 2
    variant: str = "pascanu"

    def __post_init__(self):
        checks.choice("variant", self.variant, ("pascanu", "hochreiter"))
        if self.symbols not in (2, 3) or type(self.symbols) is not int:
            raise ValueError(f"symbols must be 2 or 3, got {self.symbols!r}.")
        check_length(self, 10, "symbols stand within tenths of it")

    @property
    def input_size(self):
        """A, B and four distractors; with a start and an end for "hochreiter"."""
        return 2 + DISTRACTORS + (2 if self.variant == "hochreiter" else 0)

    @property
    def output_size(self):
        """One score per order."""
        return 2**self.symbols

    @property
    def chance(self):
        """All orders are equally likely."""
        return with_priors([1 / self.output_size] * self.output_size)

    @property
    def solved(self):
        """Below 1 % wrong (Pascanu et al. 2013, section 4.1.1)."""
        return Solved("error", 0.01)

    def _draw(self, key, batch_size):
        key_distractor, key_symbol, key_place, key_length = jax.random.split(key, 4)
        at, lengths, total = jnp.arange(batch_size), None, self.length
        if self.variant == "hochreiter":
            total += self.length // 10
            lengths = jax.random.randint(key_length, (batch_size,), self.length, total + 1)
        ids = 2 + jax.random.randint(key_distractor, (total, batch_size), 0, DISTRACTORS)
        symbols = jax.random.randint(key_symbol, (self.symbols, batch_size), 0, 2)
        begin, end = self._windows()
        places = jax.random.randint(key_place, (self.symbols, batch_size), begin, end)
        ids = ids.at[places, at].set(symbols)
        if lengths is not None:
            ids = ids.at[0].set(2 + DISTRACTORS).at[lengths - 1, at].set(3 + DISTRACTORS)
        answer = jnp.sum(symbols << jnp.arange(self.symbols)[:, None], 0)
        return Batch(jax.nn.one_hot(ids, self.input_size), **at_the_end(total, answer, lengths))

    def _windows(self) -> tuple[jax.Array, jax.Array]:
        """Returns the first step of every symbol's window, and the first one after it, `[symbols, 1]` each."""
        tenth = self.length // 10
        if self.variant == "pascanu":
            begin = jnp.array([self.length * n // 10 for n in ((1, 5) if self.symbols == 2 else (1, 3, 6))])
            return begin[:, None], begin[:, None] + tenth
        hundredths = (10, 50) if self.symbols == 2 else (10, 33, 66)
        begin = jnp.array([self.length * n // 100 for n in hundredths])
        return begin[:, None], begin[:, None] + tenth + 1
