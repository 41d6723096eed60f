"""The delayed exclusive-or task."""

import dataclasses

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks.task import Batch, Classification, Solved, check_length, with_priors


@dataclasses.dataclass(frozen=True)
class DelayedXOR(Classification):
    """Tells the exclusive or of inputs of long ago at every step (Engelken 2023, gradient flossing).

        y_t = x_{t-d} xor x_{t-2d} xor .. xor x_{t-nd}          n = 2^order

    of random bits x_t. Neither input alone tells anything, and d steps have to be held at once. The first n d steps are
    not asked about. `order=0` is the copy of an input d steps before.

    Attributes:
      length: steps of a sequence.
      delay: d.
      order: n = 2^order inputs take part.
    """

    length: int = 100
    delay: int = 10
    order: int = 1

    input_size = 1
    output_size = 2

    def __post_init__(self):
        checks.positive_int("delay", self.delay)
        checks.size("order", self.order)
        check_length(self, self.delay * 2**self.order + 1, "the first delay * 2**order steps are not asked about")

    @property
    def chance(self):
        """Both answers are equally likely."""
        return with_priors([0.5, 0.5])

    @property
    def solved(self):
        """Below 1 % wrong."""
        return Solved("error", 0.01)

    def _draw(self, key, batch_size):
        bits = jax.random.randint(key, (self.length, batch_size), 0, 2)
        reach = self.delay * 2**self.order
        back = (self.delay * n for n in range(1, 2**self.order + 1))
        answers = sum(bits[reach - n : self.length - n] for n in back) % 2
        targets = jnp.concatenate([jnp.zeros((reach, batch_size), jnp.int32), answers])
        weights = jnp.broadcast_to((jnp.arange(self.length) >= reach).astype(float)[:, None], targets.shape)
        return Batch(bits.astype(float)[..., None], targets, weights)
