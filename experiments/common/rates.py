"""Shares of runs that succeeded, and the time that they took, with their uncertainty."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Rate(NamedTuple):
    """A share with its 95 % confidence interval (Wilson 1927)."""

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def of_counts(cls, count: int, of: int) -> "Rate":
        """Returns the rate of `count` among `of`, which is at least 1."""
        share, spread = count / of, Z**2 / of
        middle = (share + spread / 2) / (1 + spread)
        half = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
        return cls(count, of, max(0.0, middle - half), min(1.0, middle + half))

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.count / self.of

    def __str__(self) -> str:
        return f"{self.count} of {self.of} ({self.low:.0%} to {self.high:.0%})"


class Median(NamedTuple):
    """A median with its 95 % confidence interval by order statistics; of less than 6 values, their range."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Median":
        """Returns the median of one value or more."""
        ordered = np.sort(np.asarray(values, float))
        k = _place(len(ordered))
        return cls(float(np.median(ordered)), float(ordered[k - 1]), float(ordered[-k]))

    def __str__(self) -> str:
        return f"{self.value:.0f} ({self.low:.0f} to {self.high:.0f})"


Z = 1.959963984540054
"""Quantile 0.975 of the normal distribution."""


@functools.cache
def _place(count: int) -> int:
    """Returns the k for which the median lies between the k-th from below and from above in 95 % of cases, or 1.

    But for 2 P(Binomial(n, 1/2) < k), that is.
    """
    k, outside = 0, 0
    while 2 * (outside + math.comb(count, k)) <= 0.05 * 2**count:
        outside += math.comb(count, k)
        k += 1
    return max(1, k)
