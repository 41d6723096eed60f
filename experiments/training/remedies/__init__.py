"""What is said to help against vanishing and exploding gradients, each under the name that a config gives it.

A remedy is a frozen dataclass that changes one or more of: the cell, the gradient, how a run is unrolled, the loss, the
parameters after a step. The work is done in `recurrax`; here is how it enters a training. Several go together; those
that change the cell, or the gradient, do so in the order of the list. A file holds the remedies of one kind, and every
subclass of `Remedy` in it is found.
"""

import functools
import sys
from collections.abc import Mapping

from experiments.training.remedies._base import Remedy
from recurrax import catalogue
from recurrax._util import naming


def all_remedies() -> Mapping[str, type[Remedy]]:
    """Returns the remedies by the names that configs write, by alphabet."""
    return catalogue.units(sys.modules[__name__], Remedy)


def make_remedies(text: str) -> tuple[Remedy, ...]:
    """Makes the remedies that a text joins by plus signs, "forget_bias(1.0)+clip_norm(1.0)"; none for an empty text.

    Raises:
      TypeError, ValueError: there is no such remedy; a field is unknown or has a wrong value.
    """
    if len(naming.split(text)) > 1:
        raise ValueError(f"remedies are joined by a plus sign: {'+'.join(naming.split(text))!r}, got {text!r}.")
    names = naming.split(text, "+") if text.strip() else []
    make = functools.partial(catalogue.make, package=sys.modules[__name__], base=Remedy)
    return tuple(make(name, kind="remedy", example="clip_norm(1.0)") for name in names)
