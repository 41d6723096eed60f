"""Statistics of times to success, some of which never came: curves, means, and tests that hold what they promise.

A training that has not solved its task when it ends is censored: its time is known to be longer, and no more. A time
is given with whether success came then. Everything here is a pure function of such times.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.common.rates import Z

EXACT = 15
"""Pairs up to which all changes of sign are looked at; of more pairs, a sample of as many."""


class SuccessCurve(NamedTuple):
    """Share that has succeeded by a time (Kaplan & Meier 1958), with a pointwise 95 % band; a step function.

    The band is that of Greenwood's variance on the scale of log(-log), which keeps it between 0 and 1. Where nothing
    or everything has succeeded that is not defined, and the band ends at Clopper & Pearson's limit for such a share.
    """

    times: np.ndarray
    """0 and the times at which a success came, rising."""
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


def success_curve(times: Sequence[float], succeeded: Sequence[bool]) -> SuccessCurve:
    """Returns the share of successes against time.

    Args:
      times: of success, or until when there was none.
      succeeded: which of the two.
    """
    t, d, n = _events(times, succeeded)
    left = np.concatenate([[1.0], np.cumprod(1 - d / n)])
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.concatenate([[0.0], np.cumsum(d / (n * (n - d)))])
        factor = np.exp(Z * np.sqrt(greenwood) / np.abs(np.log(left)))
        low, high = 1 - left ** (1 / factor), 1 - left**factor
    # All of m succeeded, or none: the least share, or the largest, that gives this in one case of forty.
    limit = 0.025 ** (1 / len(times))
    low, high = np.where(left == 1, 0.0, low), np.where(left == 1, 1 - limit, high)
    low, high = np.where(left == 0, limit, low), np.where(left == 0, 1.0, high)
    return SuccessCurve(np.concatenate([[0.0], t]), 1 - left, low, high)


class RestrictedMean(NamedTuple):
    """Mean of min(time, horizon) with its standard error; the area over the curve of success up to the horizon."""

    value: float
    standard_error: float


def restricted_mean(times: Sequence[float], succeeded: Sequence[bool], horizon: float) -> RestrictedMean:
    """Returns the mean time to success up to a horizon (Irwin 1949; Royston & Parmar 2013).

    Args:
      times: of success, or until when there was none.
      succeeded: which of the two.
      horizon: above which times do not count; not beyond the last one.
    """
    t, d, n = _events(times, succeeded)
    inside = t < horizon
    t, d, n = t[inside], d[inside], n[inside]
    left = np.concatenate([[1.0], np.cumprod(1 - d / n)])
    areas = left * np.diff(np.concatenate([[0.0], t, [horizon]]))
    beyond = np.cumsum(areas[::-1])[::-1][1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(beyond > 0, beyond**2 * d / (n * (n - d)), 0.0)
    return RestrictedMean(float(areas.sum()), float(np.sqrt(terms.sum())))


class LogRank(NamedTuple):
    """The log-rank test that two groups succeed at the same rate at all times."""

    chi2: float
    """With one degree of freedom."""
    p: float


def log_rank(strata: Sequence[tuple[Sequence[float], Sequence[bool], Sequence[float], Sequence[bool]]]) -> LogRank:
    """Returns the log-rank test (Mantel 1966), stratified where there are several strata; 1 where nothing succeeded.

    Args:
      strata: of each, the times of one group and which are successes, and those of the other.
    """
    difference = variance = 0.0
    for times_1, succeeded_1, times_2, succeeded_2 in strata:
        t, d, n = _events([*times_1, *times_2], [*succeeded_1, *succeeded_2])
        of_1, success_1 = np.asarray(times_1, float), np.asarray(succeeded_1, bool)
        n_1 = (of_1[None] >= t[:, None]).sum(1)
        d_1 = ((of_1[None] == t[:, None]) & success_1[None]).sum(1)
        difference += float(np.sum(d_1 - d * n_1 / n))
        variance += float(np.sum(d * n_1 / n * (1 - n_1 / n) * (n - d) / np.maximum(n - 1, 1)))
    chi2 = difference**2 / variance if variance > 0 else 0.0
    return LogRank(chi2, math.erfc(math.sqrt(chi2 / 2)))


class Difference(NamedTuple):
    """Mean of paired differences, with its interval and test by change of sign."""

    mean: float
    low: float
    """Of the 95 % confidence interval; minus infinity where there are too few pairs for one."""
    high: float
    p: float
    """Two-sided."""


def paired(differences: Sequence[float]) -> Difference:
    """Tests that differences within pairs are symmetric around 0 (Fisher 1935), by changing their signs.

    The p-value is the share of all changes of sign whose sum is as far from 0. It needs no distribution and holds its
    level exactly, but cannot fall below 2 / 2^n. The interval has the shifts that this test does not exclude; its ends
    are means of subsets of the differences (Hartigan 1969). It takes the differences to be symmetric around their mean;
    the test of no difference takes nothing for granted, since pairs of equal treatment may be exchanged. Of more than
    `EXACT` pairs a sample of the changes of sign is drawn, always the same one, and the differences themselves count as
    one of them.
    """
    values = np.asarray(differences, float)
    chosen = _subsets(len(values))  # [all but the empty one, n]
    scale = max(float(np.abs(values).max(initial=0.0)), 1e-300)
    sums = np.abs(values.sum() - 2 * chosen @ values)
    # Sums that are equal may differ in their last digits.
    as_far = 1 + np.sum(sums >= abs(values.sum()) - 1e-9 * scale)
    means = np.sort(chosen @ values / chosen.sum(1))
    outside = int(0.025 * (len(chosen) + 1))
    low, high = (means[outside - 1], means[-outside]) if outside else (-math.inf, math.inf)
    return Difference(float(values.mean()), float(low), float(high), float(as_far / (len(chosen) + 1)))


def least_p(pairs: int) -> float:
    """Returns the least p-value that `paired` can give for so many pairs, all different."""
    return 2.0 ** (1 - pairs) if pairs <= EXACT else 2.0**-EXACT


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values adjusted for their number (Holm 1979): those at most a level are false ones at most that often.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, n in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[n]))
        adjusted[n] = largest
    return adjusted


def _events(times: Sequence[float], succeeded: Sequence[bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the times of success, how many succeeded at each, and how many had not, nor left, before."""
    all_times, events = np.asarray(times, float), np.asarray(succeeded, bool)
    t = np.unique(all_times[events])
    d = (all_times[None, events] == t[:, None]).sum(1)
    return t, d, (all_times[None] >= t[:, None]).sum(1)


_KNOWN: dict[int, np.ndarray] = {}


def _subsets(size: int) -> np.ndarray:
    """Returns the subsets of so many items that are not empty, `[subsets, size]` of 0 and 1; of many items a sample."""
    if size not in _KNOWN:
        if size <= EXACT:
            _KNOWN[size] = np.array(list(itertools.product((0.0, 1.0), repeat=size)))[1:]
        else:
            drawn = np.random.default_rng(size).integers(0, 2, (2**EXACT - 1, size)).astype(float)
            drawn[drawn.sum(1) == 0] = 1.0
            _KNOWN[size] = drawn
    return _KNOWN[size]
