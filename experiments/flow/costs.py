"""What each cell costs at the same width: parameters, time and memory."""

import statistics
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from recurrax import Cell, unroll


def measure_costs(
    cells: Sequence[Cell], input_size: int, batch: int, length: int, rounds: int = 9
) -> dict[str, np.ndarray]:
    """Measures one model of each cell, the cells in turn within each round.

    Args:
      cells: the cells.
      input_size: D.
      batch: B.
      length: T.
      rounds: times that each function runs; the median counts.

    Returns:
      One entry per cell: `parameters`; `forward_ms` and `gradient_ms`, the medians; `gradient_bytes`, the memory that
      the compiled gradient needs besides its arguments and results (0 where the device does not tell).
    """
    runs, parameters, memory = [], [], []
    for cell in cells:
        params = cell.init(jax.random.key(0), input_size)
        xs = jax.random.normal(jax.random.key(1), (length, batch, input_size))

        def forward(params, xs, cell=cell):
            return jnp.mean(jnp.square(unroll(cell, params, xs)[1]))

        compiled = [jax.jit(f).lower(params, xs).compile() for f in (forward, jax.grad(forward))]
        analysis = compiled[1].memory_analysis()
        memory.append(0 if analysis is None else analysis.temp_size_in_bytes)
        parameters.append(sum(leaf.size for leaf in jax.tree.leaves(params)))
        runs.append([(run, params, xs) for run in compiled])

    times: list[list[list[float]]] = [[[], []] for _ in cells]
    for turn in range(rounds + 1):
        for n, pair in enumerate(runs):
            for m, (run, *arguments) in enumerate(pair):
                begin = time.perf_counter()
                jax.block_until_ready(run(*arguments))
                if turn > 0:  # the first round warms up
                    times[n][m].append(1e3 * (time.perf_counter() - begin))
    return {
        "parameters": np.array(parameters),
        "forward_ms": np.array([statistics.median(forward) for forward, _ in times]),
        "gradient_ms": np.array([statistics.median(gradient) for _, gradient in times]),
        "gradient_bytes": np.array(memory),
    }
