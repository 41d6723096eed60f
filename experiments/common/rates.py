"""Shares of runs that succeeded, with their uncertainty."""

from typing import NamedTuple

from scipy import stats


class Rate(NamedTuple):
    """A share with its 95 % confidence interval (Wilson 1927)."""

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def of_counts(cls, count: int, of: int) -> "Rate":
        """Returns the rate of `count` among `of`, which is at least 1."""
        interval = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
        return cls(count, of, float(interval.low), float(interval.high))

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.count / self.of

    def __str__(self) -> str:
        return f"{self.count} of {self.of} ({self.low:.0%} to {self.high:.0%})"
