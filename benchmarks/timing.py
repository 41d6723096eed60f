"""Times callables side by side: in turn, the order reversed every round, so that a noisy machine treats all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Timing(NamedTuple):
    """What was measured of one callable."""

    first_s: float
    """First call: tracing, compiling and one run."""
    ms: np.ndarray
    """One entry per round."""

    @property
    def median(self) -> float:
        """Milliseconds."""
        return float(np.median(self.ms))


def interleaved(runs: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, Timing]:
    """Times callables that return when they are done."""
    first = {name: _seconds(run) for name, run in runs.items()}
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        for name in list(runs)[:: 1 if turn % 2 else -1]:
            times[name].append(1e3 * _seconds(runs[name]))
    return {name: Timing(first[name], np.array(ms)) for name, ms in times.items()}


def ratio(slow: Timing, fast: Timing) -> tuple[float, float, float]:
    """Returns the median over rounds of the ratio of two times, and its quartiles."""
    low, middle, high = np.quantile(slow.ms / fast.ms, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def geometric_mean(values: list[float]) -> float:
    """Returns NaN for an empty list."""
    return statistics.geometric_mean(values) if values else float("nan")


def gemm_gflops(rounds: int = 7, size: int = 2048) -> float:
    """Returns what a float32 product of two square matrices reaches here: the limit of all that follows, GFLOP/s."""
    import jax
    import jax.numpy as jnp

    a = jnp.ones((size, size))
    product = jax.jit(jnp.dot)
    timed = interleaved({"product": lambda: product(a, a).block_until_ready()}, rounds)["product"]
    return 2e-6 * size**3 / timed.median


def _seconds(run: Callable[[], None]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
