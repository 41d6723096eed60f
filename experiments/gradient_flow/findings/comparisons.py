"""Which of several quantities differ beyond what their seeds scatter: at most 5 % of all reports claim one wrongly."""

import itertools
from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from scipy import stats

from experiments.common import statistics

Key = TypeVar("Key", bound=Hashable)

LEVEL = 0.05
"""The most that the chance of a wrong claim may be, over all that are compared at once."""


def larger(values: Mapping[Key, np.ndarray]) -> set[tuple[Key, Key]]:
    """Returns the pairs whose first has the larger mean: Welch's t-test over seeds, corrected over all pairs (Holm).

    Args:
      values: numbers of independent seeds `[S]` by key. Those that are not finite are compared with nothing.
    """
    usable = {key: a for key, a in values.items() if len(a) > 1 and np.isfinite(a).all()}
    pairs = {(a, b): _welch(usable[a], usable[b]) for a, b in itertools.combinations(usable, 2)}
    return {(a, b) if usable[a].mean() > usable[b].mean() else (b, a) for a, b in holm(pairs)}


def changed(differences: Mapping[Key, np.ndarray]) -> dict[Key, float]:
    """Returns the mean of differences that are not zero on average, by a t-test; Holm's correction over all.

    Args:
      differences: of the same seed before and after, `[S]`. Those that are not finite are left out.
    """
    usable = {key: a for key, a in differences.items() if len(a) > 1 and np.isfinite(a).all()}
    tests = {key: _t_test(a) for key, a in usable.items()}
    return {key: float(usable[key].mean()) for key in holm(tests)}


def holm(p_values: Mapping[Key, float]) -> list[Key]:
    """Returns what is significant at `LEVEL` over all of them (Holm 1979), the least p-value first."""
    adjusted = statistics.holm(list(p_values.values()))
    significant = [key for key, p in zip(p_values, adjusted, strict=True) if p <= LEVEL]
    return sorted(significant, key=lambda key: p_values[key])


def _welch(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the p-value of equal means; 1 where neither scatters, since then nothing is known of chance."""
    variances = [x.var(ddof=1) / len(x) for x in (a, b)]
    error = float(np.sqrt(sum(variances)))
    if error <= _ROUNDING * max(np.abs(a).max(), np.abs(b).max()):
        return 1.0
    freedom = sum(variances) ** 2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True))
    return float(2 * stats.t.sf(abs(a.mean() - b.mean()) / error, freedom))


def _t_test(a: np.ndarray) -> float:
    error = float(a.std(ddof=1) / np.sqrt(len(a)))
    return 1.0 if error <= _ROUNDING * np.abs(a).max() else float(2 * stats.t.sf(abs(a.mean()) / error, len(a) - 1))


_ROUNDING = 1e-12
