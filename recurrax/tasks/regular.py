"""The regular languages of the Chomsky-hierarchy benchmark."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from recurrax._util import checks
from recurrax.tasks.task import Batch, Classification, Solved, at_the_end, check_length, with_priors


class _Regular(Classification):
    """Strings of 1 to `length` symbols, all lengths equally likely, about which a class is asked at the end."""

    length: int

    def __post_init__(self):
        check_length(self, 1, "a string has a symbol")

    @property
    def chance(self):
        """The likeliest class of strings of each length, which the step tells that asks."""
        return with_priors(self.priors())

    @property
    def solved(self):
        """Below 1 % wrong."""
        return Solved("error", 0.01)

    def priors(self) -> np.ndarray:
        """Returns how likely every class is, for strings of each length, `[lengths, classes]`."""
        return np.full((1, self.output_size), 1 / self.output_size)

    def answer(self, ids: jax.Array, lengths: jax.Array) -> jax.Array:
        """Returns the class of strings `[T, B]` of these lengths, `[B]`."""
        raise NotImplementedError

    def _draw(self, key, batch_size):
        key_ids, key_length = jax.random.split(key)
        lengths = self._lengths(key_length, batch_size)
        ids = self._ids(key_ids, batch_size)
        inputs = jax.nn.one_hot(ids, self.input_size)
        return Batch(inputs, **at_the_end(self.length, self.answer(ids, lengths), lengths))

    def _lengths(self, key: jax.Array, batch_size: int) -> jax.Array:
        return jax.random.randint(key, (batch_size,), 1, self.length + 1)

    def _ids(self, key: jax.Array, batch_size: int) -> jax.Array:
        return jax.random.randint(key, (self.length, batch_size), 0, self.input_size)


def _exists(ids: jax.Array, lengths: jax.Array) -> jax.Array:
    return jnp.arange(len(ids))[:, None] < lengths[None]


@dataclasses.dataclass(frozen=True)
class Parity(_Regular):
    """Tells whether the number of ones is odd (parity check of Delétang et al. 2023).

    Attributes:
      length: symbols of the longest string; the benchmark trains on 40 and tests on up to 500.
    """

    length: int = 40

    input_size = 2
    output_size = 2

    def answer(self, ids, lengths):
        return jnp.sum(jnp.where(_exists(ids, lengths), ids, 0), 0) % 2


@dataclasses.dataclass(frozen=True)
class EvenPairs(_Regular):
    """Tells whether the number of pairs 01 and 10 is odd, that is whether the ends differ (Delétang et al. 2023).

    Attributes:
      length: symbols of the longest string.
    """

    length: int = 40

    input_size = 2
    output_size = 2

    def priors(self):
        same = np.where(np.arange(1, self.length + 1) == 1, 1.0, 0.5)
        return np.stack([same, 1 - same], -1)

    def answer(self, ids, lengths):
        pairs = (ids[1:] != ids[:-1]) & _exists(ids, lengths)[1:]
        return jnp.sum(pairs, 0, dtype=ids.dtype) % 2


@dataclasses.dataclass(frozen=True)
class CycleNavigation(_Regular):
    """Tells where a walk on a circle of 5 places ends, from steps back, none and forth (Delétang et al. 2023).

    Attributes:
      length: steps of the longest walk.
    """

    length: int = 40

    input_size = 3
    output_size = 5

    def priors(self):
        place, places = np.eye(5)[0], []
        for _ in range(self.length):
            place = (np.roll(place, 1) + place + np.roll(place, -1)) / 3
            places.append(place)
        return np.stack(places)

    def answer(self, ids, lengths):
        return jnp.sum(jnp.where(_exists(ids, lengths), ids - 1, 0), 0) % 5


@dataclasses.dataclass(frozen=True)
class ModularArithmetic(_Regular):
    """Evaluates numbers joined by +, - and * modulo m, * first (Delétang et al. 2023, without brackets).

    Strings have an odd number of symbols: numbers 0 to m - 1 and, between them, operators m to m + 2.

    Attributes:
      length: symbols of the longest string, odd.
      modulus: m.
    """

    length: int = 39
    modulus: int = 5

    def __post_init__(self):
        super().__post_init__()
        checks.positive_int("modulus", self.modulus)
        if self.length % 2 == 0:
            raise ValueError(f"length must be odd for ModularArithmetic, got {self.length}.")

    @property
    def input_size(self):
        """Numbers and operators."""
        return self.modulus + 3

    @property
    def output_size(self):
        """One score per number."""
        return self.modulus

    def priors(self):
        m = self.modulus
        numbers = np.arange(m)
        # How likely each pair is of the sum so far, and the product that is not yet added to it.
        pairs, results = np.zeros((m, m)), []
        pairs[0] = 1 / m
        for _ in range(self.length // 2 + 1):
            total = np.zeros(m)
            following = np.zeros((m, m))
            for s in numbers:
                for p in numbers:
                    total[(s + p) % m] += pairs[s, p]
                    for n in numbers:
                        share = pairs[s, p] / (3 * m)
                        following[s, p * n % m] += share
                        following[(s + p) % m, n] += share
                        following[(s + p) % m, -n % m] += share
            results.append(total)
            pairs = following
        return np.stack(results)

    def answer(self, ids, lengths):
        m = self.modulus

        def step(state, now):
            total, product, operator = state
            ids, exists, is_number = now
            signed = jnp.where(operator == 1, -ids, ids) % m
            ends = operator != 2
            new_total = jnp.where(ends, total + product, total) % m
            new_product = jnp.where(ends, signed, product * ids) % m
            taken = exists & is_number
            return (
                jnp.where(taken, new_total, total),
                jnp.where(taken, new_product, product),
                jnp.where(exists & ~is_number, ids - m, operator),
            ), None

        zero = jnp.zeros_like(ids[0])
        is_number = jnp.arange(len(ids)) % 2 == 0
        (total, product, _), _ = jax.lax.scan(step, (zero, zero, zero), (ids, _exists(ids, lengths), is_number))
        return (total + product) % m

    def _lengths(self, key, batch_size):
        return 1 + 2 * jax.random.randint(key, (batch_size,), 0, self.length // 2 + 1)

    def _ids(self, key, batch_size):
        key_number, key_operator = jax.random.split(key)
        numbers = jax.random.randint(key_number, (self.length, batch_size), 0, self.modulus)
        operators = self.modulus + jax.random.randint(key_operator, (self.length, batch_size), 0, 3)
        return jnp.where((jnp.arange(self.length) % 2 == 0)[:, None], numbers, operators)
