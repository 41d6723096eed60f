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

    def drawn(shape: jax.ShapeDtypeStruct) -> jax.Array:
        # What a step costs does not depend on the values, and NumPy draws them without compiling anything.
        return jnp.asarray(np.random.default_rng(0).normal(size=shape.shape, scale=0.1), shape.dtype)

    def compiled(cell: Cell):
        shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))
        arguments = jax.tree.map(drawn, (shapes, jax.ShapeDtypeStruct((length, batch, input_size), jnp.float32)))

        def forward(params, xs):
            return jnp.mean(jnp.square(unroll(cell, params, xs)[1]))

        return arguments, [jax.jit(f).lower(*arguments).compile() for f in (forward, jax.grad(forward))]

    models = [compiled(cell) for cell in cells]
    memory = [gradient.memory_analysis() for _, (_, gradient) in models]
    times: list[list[list[float]]] = [[[], []] for _ in cells]
    for turn in range(rounds + 1):
        for n, (arguments, pair) in enumerate(models):
            for m, function in enumerate(pair):
                begin = time.perf_counter()
                jax.block_until_ready(function(*arguments))
                if turn > 0:  # the first round warms up
                    times[n][m].append(1e3 * (time.perf_counter() - begin))
    return {
        "parameters": np.array([sum(leaf.size for leaf in jax.tree.leaves(params)) for (params, _), _ in models]),
        "forward_ms": np.array([statistics.median(forward) for forward, _ in times]),
        "gradient_ms": np.array([statistics.median(gradient) for _, gradient in times]),
        "gradient_bytes": np.array([0 if found is None else found.temp_size_in_bytes for found in memory]),
    }
