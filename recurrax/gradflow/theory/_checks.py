"""What closed forms take for an argument."""

from typing import Any

import numpy as np

from recurrax._util import checks


def not_negative(name: str, value: Any) -> None:
    """Raises unless `value` is a finite number of at least 0."""
    checks.finite(name, value)
    if value < 0:
        raise ValueError(f"{name} must be at least 0, got {value}.")


def finite_array(name: str, value: Any) -> np.ndarray:
    """Returns `value` as an array of float64; raises unless it is finite numbers."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numeric, got {value!r}.") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}.")
    return array
