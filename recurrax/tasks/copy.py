"""The copy task and its variants."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from recurrax._util import checks
from recurrax.tasks.task import Batch, Chance, Classification, Solved, with_priors


class _Recall(Classification):
    """Symbols 1 to K are shown among blanks, 0, and are asked for in their order after a marker, K + 1."""

    length: int
    symbols: int
    count: int

    def __post_init__(self):
        checks.positive_int("length", self.length)
        checks.positive_int("symbols", self.symbols)
        checks.positive_int("count", self.count)

    @property
    def input_size(self):
        """K + 2: a blank, the symbols, and the marker."""
        return self.symbols + 2

    @property
    def output_size(self):
        """K + 1: a blank and the symbols."""
        return self.symbols + 1

    @property
    def solved(self):
        """Below 1 % of the symbols wrong."""
        return Solved("error", 0.01)

    def _data(self, key: jax.Array, batch_size: int) -> jax.Array:
        return jax.random.randint(key, (self.count, batch_size), 1, self.symbols + 1)

    def _batch(self, inputs: jax.Array, targets: jax.Array) -> Batch:
        # Blanks are easy, and many: they do not count for the error.
        return Batch(jax.nn.one_hot(inputs, self.input_size), targets, jnp.ones(targets.shape), judged=targets > 0)


@dataclasses.dataclass(frozen=True)
class Copy(_Recall):
    """Recalls a string after a long pause (Hochreiter & Schmidhuber 1997; this form: Arjovsky, Shah & Bengio 2016).

        inputs    a string of M symbols, T - 1 blanks, a marker, M blanks
        answers   M + T blanks, the string

    so T + 2 M steps, all of which are in the loss. The error is that of the symbols.

    Attributes:
      length: T, the steps between the string and the answer.
      symbols: K, how many different ones there are.
      count: M, the length of the string.
      markers: "one", or "many": M + 1, at every step from the last blank on (Bai, Kolter & Koltun 2018).
    """

    length: int = 100
    symbols: int = 8
    count: int = 10
    markers: str = "one"

    def __post_init__(self):
        super().__post_init__()
        checks.choice("markers", self.markers, ("one", "many"))

    @property
    def chance(self):
        """All symbols alike where they are asked for: M ln K / (T + 2 M)."""
        steps = self.length + 2 * self.count
        return Chance(self.count * math.log(self.symbols) / steps, 1 - 1 / self.symbols)

    def _draw(self, key, batch_size):
        data = self._data(key, batch_size)
        blank = jnp.zeros((self.length + self.count, batch_size), jnp.int32)
        inputs = jnp.concatenate([data, blank])
        marked = slice(self.count + self.length - 1, None if self.markers == "many" else self.count + self.length)
        return self._batch(inputs.at[marked].set(self.symbols + 1), jnp.concatenate([blank, data]))


@dataclasses.dataclass(frozen=True)
class VariableCopy(_Recall):
    """Recalls a string after a pause of unknown length (Tallec & Ollivier 2018).

    As `Copy`, with the marker at any of the T steps after the string; the answer follows it, then blanks to the end.
    A network without memory that reads the marker has the loss M ln K / (T + 2 M), which papers quote. The chance level
    is higher, for a blind answer does not know where the marker is.

    Attributes:
      length: T, the longest pause.
      symbols: K, how many different ones there are.
      count: M, the length of the string.
    """

    length: int = 100
    symbols: int = 8
    count: int = 10

    @property
    def chance(self):
        """The share of blanks at every step, and all symbols alike."""
        # A symbol is asked for at a step by as many of the T pauses as there are of the M that end in time.
        asked = np.convolve(np.full(self.length, 1 / self.length), np.ones(self.count))[:, None]
        alike = np.full(self.symbols, 1 / self.symbols)
        loss = with_priors(np.concatenate([1 - asked, asked * alike], -1)).loss
        return Chance(loss * len(asked) / (self.length + 2 * self.count), 1 - 1 / self.symbols)

    def _draw(self, key, batch_size):
        key_data, key_pause = jax.random.split(key)
        data, at = self._data(key_data, batch_size), jnp.arange(batch_size)
        marker = self.count + jax.random.randint(key_pause, (batch_size,), 0, self.length)
        blank = jnp.zeros((self.length + self.count, batch_size), jnp.int32)
        inputs = jnp.concatenate([data, blank]).at[marker, at].set(self.symbols + 1)
        asked = marker[None] + 1 + jnp.arange(self.count)[:, None]
        targets = jnp.zeros((self.length + 2 * self.count, batch_size), jnp.int32).at[asked, at[None]].set(data)
        return self._batch(inputs, targets)


@dataclasses.dataclass(frozen=True)
class SelectiveCopy(_Recall):
    """Recalls symbols that come anywhere among blanks (the denoise task of Jing et al. 2019; selective copying).

        inputs    M symbols among T - M blanks, M markers
        answers   T blanks, the symbols

    What is no symbol has to be passed over, so that a fixed delay does not do. All T + M steps are in the loss. The
    error is that of the symbols.

    Attributes:
      length: T, the steps that symbols come in.
      symbols: K, how many different ones there are.
      count: M, how many come.
    """

    length: int = 100
    symbols: int = 8
    count: int = 10

    def __post_init__(self):
        super().__post_init__()
        if self.count > self.length:
            raise ValueError(f"count must be at most length for SelectiveCopy, got {self.count} and {self.length}.")

    @property
    def chance(self):
        """All symbols alike where they are asked for: M ln K / (T + M)."""
        steps = self.length + self.count
        return Chance(self.count * math.log(self.symbols) / steps, 1 - 1 / self.symbols)

    def _draw(self, key, batch_size):
        key_data, key_place = jax.random.split(key)
        data, at = self._data(key_data, batch_size), jnp.arange(batch_size)
        order = jax.random.permutation(key_place, jnp.tile(jnp.arange(self.length)[:, None], batch_size), 0, True)
        places = jnp.sort(order[: self.count], axis=0)
        among = jnp.zeros((self.length, batch_size), jnp.int32).at[places, at].set(data)
        markers = jnp.full((self.count, batch_size), self.symbols + 1)
        blank = jnp.zeros((self.length, batch_size), jnp.int32)
        return self._batch(jnp.concatenate([among, markers]), jnp.concatenate([blank, data]))
