"""The multiplication task."""

import dataclasses
import math

import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks import marked_values
from recurrax.tasks.task import Batch, Chance, Regression, Solved, at_the_end, check_length

VARIANTS = ("urnn", "tcn", "pascanu", "hochreiter")


@dataclasses.dataclass(frozen=True)
class Multiplication(Regression):
    """Multiplies two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997, experiment 5).

    As `Adding`, with values from U[0, 1] and the product for an answer, which an LSTM cannot solve by integrating what
    comes in. Variants differ in where the marks are, as those of `Adding`; in "hochreiter" a number that is marked at
    the first step becomes 1.

    Attributes:
      length: steps of a sequence.
      variant: "urnn", "tcn", "pascanu" or "hochreiter".
    """

    length: int = 100
    variant: str = "urnn"

    input_size = 2
    output_size = 1

    def __post_init__(self):
        checks.choice("variant", self.variant, VARIANTS)
        check_length(self, *marked_values.least(self.variant))

    @property
    def chance(self):
        """The variance of the answer, and how often it is greater than twice the tolerance.

        The mean has the least squared error: for two numbers 1/4, their variance 7/144. Small products are the
        likeliest, so that the tolerance itself is right most often.
        """
        if self.variant != "hochreiter":
            mean, square, share = 1 / 4, 1 / 9, 0.0
        else:
            share = marked_values.first_step_is_marked(self.length)
            mean, square = (1 - share) / 4 + share / 2, (1 - share) / 9 + share / 3
        small = 2 * self.tolerance
        near = (1 - share) * small * (1 - math.log(small)) + share * small
        return Chance(square - mean**2, 1 - near)

    @property
    def solved(self):
        """A mean squared error below 0.002 of a variance of 1/6, as in the adding task; the same share of this one."""
        return Solved("loss", 0.002 * self.chance.loss * 6)

    def _draw(self, key, batch_size):
        xs, a, b, lengths = marked_values.draw(key, self.variant, self.length, batch_size, 0.0, 1.0)
        return Batch(xs=xs, **at_the_end(len(xs), jnp.expand_dims(a * b, -1), lengths))
