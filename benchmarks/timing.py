"""Times callables side by side: in turn, the order reversed every round, so that a noisy machine treats all alike."""

import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
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


def interleaved(
    runs: Mapping[str, Callable[[], None]], rounds: int, *, seconds: float = float("inf")
) -> dict[str, Timing]:
    """Times callables that return when they are done; after 5 rounds it ends as soon as they took so many seconds."""
    first = {name: _seconds(run) for name, run in runs.items()}
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    begin = time.perf_counter()
    for turn in range(rounds):
        if turn >= 5 and time.perf_counter() - begin > seconds:
            break
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


def processor() -> str:
    """Returns the name of the processor, with what tells it from others of that name: figures hold for it alone."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
    if "model name" not in fields:
        return platform.machine()
    return "{model name} (family {cpu family}, model {model})".format_map(fields)


def machine() -> str:
    """Returns what a table has to name: the device, the processor if that is one, how many cores, and JAX."""
    import jax

    device = jax.devices()[0]
    name = processor() if device.platform == "cpu" else device.device_kind
    return f"{name}, {len(os.sched_getaffinity(0))} cores, jax {jax.__version__}"


def on_threads(count: int) -> None:
    """Lets the process compute on so many cores; to be called before JAX is imported, which counts them then.

    Raises:
      ValueError: there are not so many.
    """
    cores = sorted(os.sched_getaffinity(0))
    if count > len(cores):
        raise ValueError(f"threads={count} is more than the {len(cores)} cores that this process may use.")
    os.sched_setaffinity(0, cores[:count])


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
