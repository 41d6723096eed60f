"""The adding task."""

import dataclasses

import jax.numpy as jnp

from recurrax._util import checks
from recurrax.tasks import marked_values
from recurrax.tasks.task import Batch, Chance, Regression, Solved, at_the_end, check_length


@dataclasses.dataclass(frozen=True)
class Adding(Regression):
    """Adds two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997, experiment 4).

    A step shows a number and a mark, `[value, mark]`; after the last one the sum of the two marked numbers is asked
    for. The literature has four tasks of this name, which differ in the answer's variance, so that one mean squared
    error means four things:

        variant         values      marks                                   answer              chance
        "urnn"          U[0, 1]     one in each half                        a + b               1/6
        "tcn"           U[0, 1]     anywhere                                a + b               1/6
        "pascanu"       U[0, 1]     first tenth; tenths one to five         (a + b) / 2         1/24
        "hochreiter"    U[-1, 1]    first ten; first half                   0.5 + (a + b) / 4   below 1/24

    In the last two, sequences are of `length` to 1.1 `length` steps; in the last, ends are marked by -1, and a number
    that is marked at the first step becomes 0.

    Attributes:
      length: steps of a sequence.
      variant: one of the above.
    """

    length: int = 100
    variant: str = "urnn"

    input_size = 2
    output_size = 1

    def __post_init__(self):
        checks.choice("variant", self.variant, tuple(marked_values.VARIANTS))
        check_length(self, *marked_values.least(self.variant))

    @property
    def chance(self):
        """Always the mean: the variance of the answer, and how often it is further from its mean than the tolerance."""
        if self.variant == "hochreiter":
            one_is_zero = marked_values.first_step_is_marked(self.length)
            variance = ((1 - one_is_zero) * 2 / 3 + one_is_zero / 3) / 16
            near = (1 - one_is_zero) * _near_zero(4 * self.tolerance, 2) + one_is_zero * 4 * self.tolerance
            return Chance(variance, 1 - near)
        scale = 2 if self.variant == "pascanu" else 1
        return Chance(1 / 6 / scale**2, 1 - _near_zero(2 * scale * self.tolerance, 2))

    @property
    def solved(self):
        """A mean squared error below 0.002, at a variance of 1/6; the same share of the variance elsewhere."""
        return Solved("loss", 0.002 * self.chance.loss * 6)

    def _draw(self, key, batch_size):
        low, neutral = (-1.0, 0.0) if self.variant == "hochreiter" else (0.0, 0.0)
        xs, a, b, lengths = marked_values.draw(key, self.variant, self.length, batch_size, low, neutral)
        answer = {"pascanu": (a + b) / 2, "hochreiter": 0.5 + (a + b) / 4}.get(self.variant, a + b)
        return Batch(xs=xs, **at_the_end(len(xs), jnp.expand_dims(answer, -1), lengths))


def _near_zero(distance: float, width: int) -> float:
    """Returns how likely the sum of two U[-width/2, width/2] is to be as near to 0."""
    share = distance / width
    return 2 * share - share**2
