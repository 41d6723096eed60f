"""What `gradient_norms` costs beside one gradient with respect to the parameters, both through `scan`.

    python -m benchmarks.gradient_norms

One process; the two in turn; medians of float32 runs at B=64, T=200,
D=H=128. Claim: at most 1.0 times, for every cell. A second table shows that the cost grows linearly in T.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks.timing import interleaved, machine
from recurrax import GRU, LSTM, RNN, Cell, gradflow, unroll

BATCH, STEPS, WIDTH, ROUNDS = 64, 200, 128, 15


def loss(ys, carry):
    return jnp.mean(jnp.square(ys))


def measurements(cell: Cell, steps: int, batch: int) -> dict[str, Callable[[], object]]:
    params = cell.init(jax.random.key(0), WIDTH)
    xs = jax.random.normal(jax.random.key(1), (steps, batch, WIDTH))
    gradient = jax.jit(jax.grad(lambda params: loss(unroll(cell, params, xs, executor="scan")[1], None)))
    norms = jax.jit(lambda params: gradflow.gradient_norms(gradflow.trajectory(cell, params, xs), loss))
    return {"gradient": lambda: gradient(params), "norms": lambda: norms(params)}


def medians(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Returns the median milliseconds of each."""
    waiting = {name: lambda run=run: (jax.block_until_ready(run()), None)[1] for name, run in runs.items()}
    return {name: timed.median for name, timed in interleaved(waiting, rounds).items()}


def main() -> None:
    print(f"{machine()}, float32, median of {ROUNDS} interleaved rounds\n")
    print("| cell | B | T | H | parameter gradient, ms | gradient_norms, ms | ratio |\n|---|---|---|---|---|---|---|")
    for cell in (RNN(WIDTH), LSTM(WIDTH), GRU(WIDTH), GRU(WIDTH, reset="after")):
        ms = medians(measurements(cell, STEPS, BATCH), ROUNDS)
        name = type(cell).__name__ + (f" reset {cell.reset}" if isinstance(cell, GRU) else "")
        ratio = ms["norms"] / ms["gradient"]
        print(f"| {name} | {BATCH} | {STEPS} | {WIDTH} | {ms['gradient']:.1f} | {ms['norms']:.1f} | {ratio:.2f} |")

    print("\n| LSTM, B=1, H=128: T | gradient_norms, ms | microseconds per step |\n|---|---|---|")
    for steps in (1000, 2000, 4000, 8000, 16000):
        ms = medians({"norms": measurements(LSTM(WIDTH), steps, 1)["norms"]}, 5)["norms"]
        print(f"| {steps} | {ms:.1f} | {1e3 * ms / steps:.2f} |")


if __name__ == "__main__":
    main()
