"""The forget bias where a cell has no biases to put it in."""

from typing import Any

from recurrax._util import checks
from recurrax.initializers import Chrono


class DefaultForgetBias(float):
    """A forget bias that nobody asked for: it gives way where a cell has no biases."""


def settled_forget_bias(value: float | Chrono, use_bias: bool) -> float | Chrono:
    """Returns the forget bias of a cell, which is 0 for a default where there are no biases.

    Raises:
      TypeError, ValueError: `value` is neither a finite number nor `Chrono`, or asks for what has no bias to be in.
    """
    if not isinstance(value, Chrono):
        checks.finite("forget_bias", value)
    if use_bias or value == 0:
        return value
    if isinstance(value, DefaultForgetBias):
        return 0.0
    raise ValueError(f"forget_bias must be 0 where use_bias is False, got {value!r}; leave it out.")


def settle_forget_bias(cell: Any) -> None:
    """Puts the forget bias of a frozen cell in its place, in `__post_init__`; raises as `settled_forget_bias` does."""
    object.__setattr__(cell, "forget_bias", settled_forget_bias(cell.forget_bias, cell.use_bias))
