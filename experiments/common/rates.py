"""Shares of runs that succeeded, and the time that they took, with their uncertainty."""

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
        from scipy import stats  # which takes half a second

        interval = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
        return cls(count, of, float(interval.low), float(interval.high))

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
        from scipy import stats

        ordered = np.sort(np.asarray(values, float))
        # Between the k-th from below and the k-th from above lies the median but for 2 P(Binomial(n, 1/2) < k).
        k = max(1, int(stats.binom.ppf(0.025, len(ordered), 0.5)))
        return cls(float(np.median(ordered)), float(ordered[k - 1]), float(ordered[-k]))

    def __str__(self) -> str:
        return f"{self.value:.0f} ({self.low:.0f} to {self.high:.0f})"
