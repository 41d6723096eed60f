"""What long sequences cost: memory and time of a training step, plain and with checkpoints.

    python -m benchmarks.memory

LSTM, float32. Memory is what the compiled step needs besides its arguments and results. Any loss on the outputs needs
them and their gradient whatever the executor does: these two arrays are the base, taken off in the second column. The
second table shows that memory and time grow linearly in T with chunks of one length.
"""

import jax
import jax.numpy as jnp
from absl import app

from benchmarks.timing import interleaved, machine, ratio
from recurrax import LSTM, Checkpointed, unroll


def training_step(steps: int, batch: int, width: int, **how):
    """Returns the compiled step, its memory in bytes, and a callable that runs it."""
    cell = LSTM(width)
    params = cell.init(jax.random.key(0), width)
    xs = jax.random.normal(jax.random.key(1), (steps, batch, width))
    gradient = jax.jit(jax.value_and_grad(lambda params: jnp.mean(jnp.square(unroll(cell, params, xs, **how)[1]))))
    analysis = gradient.lower(params).compile().memory_analysis()
    assert analysis is not None
    return analysis.temp_size_in_bytes, lambda: (jax.block_until_ready(gradient(params)), None)[1]


def main(argv: list[str]) -> None:
    del argv
    ways = {
        "scan": {"executor": "scan"},
        "fused": {"executor": "fused"},
        "scan, sqrt": {"executor": Checkpointed("scan")},
        "fused, sqrt": {"executor": Checkpointed("fused")},
    }
    built = {name: training_step(4096, 32, 128, **how) for name, how in ways.items()}
    timed = interleaved({name: run for name, (_, run) in built.items()}, 5)
    base = 2 * 4 * 4096 * 32 * 128
    print(f"{machine()}: LSTM, B=32, T=4096, H=128; base {base / 1e6:.1f} MB")
    print("\n| | MB | MB above base | of scan's | ms | / scan |\n|---|---|---|---|---|---|")
    for name, (memory, _) in built.items():
        share = (memory - base) / (built["scan"][0] - base)
        slower = ratio(timed[name], timed["scan"])[0]
        columns = (f"{memory / 1e6:.1f}", f"{(memory - base) / 1e6:.1f}", f"{share:.3f}", f"{timed[name].median:.0f}")
        print("|", " | ".join([name, *columns, f"{slower:.2f}"]), "|", flush=True)

    print("\nLSTM, B=1, H=128, Checkpointed('fused', every=256)\n")
    print("| T | MB | bytes per step | ms | us per step |\n|---|---|---|---|---|")
    for steps in (1024, 4096, 16384, 65536):
        memory, run = training_step(steps, 1, 128, executor=Checkpointed("fused", 256))
        ms = interleaved({"run": run}, 5)["run"].median
        print(
            f"| {steps} | {memory / 1e6:.2f} | {memory / steps:.0f} | {ms:.0f} | {1e3 * ms / steps:.1f} |", flush=True
        )


if __name__ == "__main__":
    app.run(main)
