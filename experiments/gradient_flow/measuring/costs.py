"""What each cell costs at the same width: parameters, time and memory."""

import math
import os
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.rates import Median
from recurrax import Cell, unroll

NARROW = 0.05
"""Half the width of an interval, over the median, at which it is narrow enough."""
LEAST, MOST = 11, 400
"""Rounds: fewer give no interval of 95 %, more are not worth their time."""


def measure_costs(
    cells: Sequence[Cell], input_size: int, batch: int, length: int, seconds: float = 4.0
) -> dict[str, np.ndarray]:
    """Measures one model of each cell, in rounds, each cell once in every round.

    Rounds end when all intervals are narrow, or when the time is over, which a busy machine takes.

    Args:
      cells: the cells.
      input_size: D.
      batch: B.
      length: T.
      seconds: of the rounds, at most, as long as there are enough of them for an interval.

    Returns:
      One entry per cell: `parameters`; `forward_ms` and `gradient_ms`, medians, with the ends of their intervals of
      95 % under `forward_ms/low`, `forward_ms/high` and so on (see `Median`); `gradient_bytes`, the memory that the
      compiled gradient needs besides its arguments and results (0 where the device does not tell). And the same for all
      cells: `rounds`, how many there were; `load`, how many processes wanted to run, on average over the minute before
      (NaN where the system does not tell).
    """
    load = _load()
    models = [_compiled(cell, input_size, batch, length) for cell in cells]
    runs = [run for _, _, pair in models for run in pair]
    times = in_rounds(runs, seconds)
    forward, gradient = times[:, 0::2], times[:, 1::2]
    costs = {"parameters": np.array([parameters for parameters, _, _ in models])}
    for name, ms in (("forward_ms", forward), ("gradient_ms", gradient)):
        medians = _medians(ms)
        costs |= {name: medians[:, 0], f"{name}/low": medians[:, 1], f"{name}/high": medians[:, 2]}
    costs["gradient_bytes"] = np.array([memory for _, memory, _ in models])
    return costs | {"rounds": np.full(len(cells), len(times)), "load": np.full(len(cells), load)}


def in_rounds(runs: Sequence[Callable[[], None]], seconds: float) -> np.ndarray:
    """Times callables that return when they are done, each once a round, the order turned round every time.

    Args:
      runs: the callables.
      seconds: after which no round begins, once there are `LEAST`.

    Returns:
      Milliseconds `[rounds, len(runs)]`, at most `MOST` rounds.
    """
    for run in runs:  # warms up
        run()
    times: list[list[float]] = []
    begin = time.perf_counter()
    while len(times) < MOST and (len(times) < LEAST or time.perf_counter() - begin < seconds):
        row = [0.0] * len(runs)
        for n in range(len(runs))[:: 1 if len(times) % 2 else -1]:
            start = time.perf_counter()
            runs[n]()
            row[n] = 1e3 * (time.perf_counter() - start)
        times.append(row)
        if len(times) >= LEAST and len(times) % 10 == 1 and _all_narrow(np.array(times)):
            break
    return np.array(times)


def _medians(times: np.ndarray) -> np.ndarray:
    """Returns the median of each column and the ends of its interval, `[columns, 3]`."""
    return np.array([Median.of(column) for column in times.T])


def _all_narrow(times: np.ndarray) -> bool:
    middle, low, high = _medians(times).T
    return bool((high - low <= 2 * NARROW * middle).all())


def _compiled(cell: Cell, input_size: int, batch: int, length: int) -> tuple[int, int, list[Callable[[], None]]]:
    """Returns the number of parameters, the bytes of the gradient, and the forward pass and the gradient to be run."""

    def drawn(shape: jax.ShapeDtypeStruct) -> jax.Array:
        # What a step costs does not depend on the values, and NumPy draws them without compiling anything.
        return jnp.asarray(np.random.default_rng(0).normal(size=shape.shape, scale=0.1), shape.dtype)

    def forward(params, xs):
        return jnp.mean(jnp.square(unroll(cell, params, xs)[1]))

    def run(function: Callable) -> Callable[[], None]:
        return lambda: jax.block_until_ready(function(*arguments)) and None

    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))
    arguments = jax.tree.map(drawn, (shapes, jax.ShapeDtypeStruct((length, batch, input_size), jnp.float32)))
    pair = [jax.jit(function).lower(*arguments).compile() for function in (forward, jax.grad(forward))]
    memory = pair[1].memory_analysis()
    parameters = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    return parameters, 0 if memory is None else memory.temp_size_in_bytes, [run(function) for function in pair]


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
