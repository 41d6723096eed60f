"""The embedded Reber grammar, as strings and as an endless stream."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from recurrax.tasks.task import Batch, Chance, Classification, Solved, check_length, with_priors

SYMBOLS = "BTPSXVE"
GRAMMAR = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
"""The Reber grammar: to which state each symbol leads; the ways on from a state are equally likely, 7 ends."""


def _embedded() -> tuple[dict[str, int], ...]:
    """Returns the embedded grammar: B, T or P, a string of the inner grammar, the same T or P, E."""
    inner = len(GRAMMAR)
    upper, lower = 2, 2 + inner
    states: list[dict[str, int]] = [{"B": 1}, {"T": upper, "P": lower}]
    after = 2 + 2 * inner  # then the T after the upper copy, the P after the lower one, and E
    for offset, end in ((upper, after), (lower, after + 1)):
        for ways in GRAMMAR:
            states.append({symbol: end if to == inner else offset + to for symbol, to in ways.items()})
    return (*states, {"T": after + 2}, {"P": after + 2}, {"E": after + 3})


STATES = _embedded()
END = len(STATES)
SECOND_TO_LAST = (END - 3, END - 2)
"""States whose one way on repeats the T or P of the beginning."""


@functools.cache
def _table() -> np.ndarray:
    """Returns the state that each symbol leads to, `[states, symbols]`; -1 where it may not come."""
    table = np.full((END, len(SYMBOLS)), -1)
    for state, ways in enumerate(STATES):
        for symbol, to in ways.items():
            table[state, SYMBOLS.index(symbol)] = to
    return table


@functools.cache
def _strings(length: int) -> np.ndarray:
    """Returns how likely each symbol is at every step and state, of strings that end within `length` symbols.

    Returns:
      `[length, states, symbols]`: a way on is as likely as the strings that end in time by it.
    """
    table, ends = _table(), np.eye(END + 1)[END]
    steps = []
    for _ in range(length):
        ways = np.where(table >= 0, ends[table], 0)
        total = ways.sum(-1, keepdims=True)
        steps.append(np.divide(ways, total, out=np.zeros_like(ways), where=total > 0))
        ends = np.array([*(ways.sum(-1) / (table >= 0).sum(-1)), 1.0])
    return np.stack(steps[::-1])


@functools.cache
def _stream(length: int) -> np.ndarray:
    """Returns the same for strings of any length."""
    allowed = 1.0 * (_table() >= 0)
    return np.broadcast_to(allowed / allowed.sum(-1, keepdims=True), (length, *allowed.shape))


class _Reber(Classification):
    """After every symbol the next is asked for; judged is the T or P that only the second symbol of a string tells."""

    length: int

    input_size = len(SYMBOLS)
    output_size = len(SYMBOLS)

    def __post_init__(self):
        check_length(self, 9, "the shortest string has so many symbols")

    @property
    def chance(self):
        """The shares that symbols have at every step of all strings; a toss between T and P."""
        state, priors = np.eye(END + 1)[0], []
        for likely in self._likely():
            symbols = state[:END, None] * likely
            priors.append(symbols.sum(0))
            state = np.bincount(self._next().ravel(), symbols.ravel(), END + 1)
        return Chance(with_priors(np.stack(priors[1:])).loss, 0.5)

    @property
    def solved(self):
        """Below 1 % of the judged symbols wrong."""
        return Solved("error", 0.01)

    def _likely(self) -> np.ndarray:
        """Returns how likely each symbol is, `[length, states, symbols]`."""
        raise NotImplementedError

    def _next(self) -> np.ndarray:
        """Returns the state that each symbol leads to, 0 where it may not come."""
        return np.maximum(_table(), 0)

    def _draw(self, key, batch_size):
        following = jnp.asarray(self._next())

        def step(state, now):
            key, likely = now
            running, at = state < END, jnp.minimum(state, END - 1)
            symbol = jax.random.categorical(key, jnp.log(likely[at]), axis=-1)
            judged = (at == SECOND_TO_LAST[0]) | (at == SECOND_TO_LAST[1])
            new = jnp.where(running, following[at, symbol], END)
            return new, (jnp.where(running, symbol, 0), running, judged & running)

        likely = jnp.asarray(self._likely(), float)
        start = jnp.zeros(batch_size, following.dtype)
        _, (ids, exists, judged) = jax.lax.scan(step, start, (jax.random.split(key, self.length), likely))

        def at_the_step_before(a):
            return jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])

        return Batch(
            xs=jax.nn.one_hot(ids, len(SYMBOLS)),
            targets=at_the_step_before(ids),
            weights=at_the_step_before(exists).astype(float),
            mask=exists,
            judged=at_the_step_before(judged),
        )


@dataclasses.dataclass(frozen=True)
class EmbeddedReber(_Reber):
    """Tells how a string of the embedded Reber grammar goes on (Cleeremans et al. 1989; HS97, experiment 1).

    A string is B, T or P, a string of the Reber grammar, the same T or P again, E. The next symbol is asked for at
    every step. Most need the last few; the T or P that comes back is a toss for who has not kept the second symbol, and
    is what the error counts. Strings are of 9 symbols or more; those longer than `length` do not occur.

    Attributes:
      length: symbols of the longest string.
    """

    length: int = 40

    def _likely(self):
        return _strings(self.length)


@dataclasses.dataclass(frozen=True)
class ContinualReber(_Reber):
    """Tells how a stream of embedded Reber strings goes on, one after the other (Gers et al. 2000).

    As `EmbeddedReber`, without marked beginnings: what is kept has to be given up in time.

    Attributes:
      length: symbols of the stream.
    """

    length: int = 100

    def _likely(self):
        return _stream(self.length)

    def _next(self):
        return np.maximum(_table(), 0) % END
