"""What made the rules of `executor="auto"`: every executor beside `scan`, per cell and size.

    python -m benchmarks.executors

Training (value and gradient of mean(ys^2) with respect to parameters and inputs), on whatever device JAX finds. The
table gives the time of `scan` over that of each executor: above 1 the executor is faster. `--cells=linear` and
`--cells=diagonal` show the executors that run over all steps at once.

On a GPU:  python -m benchmarks.executors --cells=dense --sizes=16x1024x768 --dtype=bfloat16
           python -m benchmarks.executors --cells=linear,diagonal --sizes=1x4096x128,16x4096x768
"""

from collections.abc import Callable

import jax
from absl import app, flags

from benchmarks.steps import training_step
from benchmarks.timing import interleaved, machine, ratio
from recurrax import GRU, LSTM, RNN, Associative, Cell, Executor, Newton, convergence
from recurrax.cells.diagonal_gru import DiagonalGRU
from recurrax.cells.indrnn import IndRNN
from recurrax.cells.lru import LRU
from recurrax.cells.min_gru import MinGRU
from recurrax.cells.min_lstm import MinLSTM

CELLS: dict[str, tuple[list[Callable[[int], Cell]], list[str | Executor], str]] = {
    "dense": (
        [RNN, LSTM, lambda width: GRU(width, reset="after"), GRU],
        ["fused"],
        "1x1000x128,8x100x256,16x50x32,32x100x64,32x128x256,64x100x64,64x128x128,128x50x64,128x64x256,32x128x512",
    ),
    "linear": (
        [LRU, MinGRU, MinLSTM],
        ["fused", "associative", Associative(chunk=64)],
        "1x4096x128,8x512x64,32x128x128",
    ),
    "diagonal": ([IndRNN, DiagonalGRU], ["fused", "newton"], "1x4096x128,8x512x64,32x128x128"),
}
"""Cells, executors and sizes BxTxH."""

_CELLS = flags.DEFINE_list("cells", ",".join(CELLS), "groups of cells: dense, linear, diagonal")
_SIZES = flags.DEFINE_list("sizes", [], "sizes BxTxH in the place of each group's own")
_DTYPE = flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "dtype of parameters and inputs")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "rounds", lower_bound=3)


def main(argv: list[str]) -> None:
    del argv
    print(f"{machine()}, {_DTYPE.value}, training; scan / executor, median (quartiles)")
    for group in _CELLS.value:
        cells, executors, sizes = CELLS[group]
        print("\n| cell | B x T x H | scan, ms |", " | ".join(map(str, executors)), "|", end="")
        print(" first call / scan's |" + (" Newton |" if group == "diagonal" else ""))
        print("|" + "---|" * (4 + len(executors) + (group == "diagonal")))
        for size in _SIZES.value or sizes.split(","):
            batch, steps, width = map(int, size.split("x"))
            for make in cells:
                cell = make(width)
                params = cell.init(jax.random.key(0), width)
                xs = jax.random.normal(jax.random.key(1), (steps, batch, width))
                params, xs = jax.tree.map(lambda a: a.astype(_DTYPE.value), (params, xs))
                timed = interleaved(
                    {str(b): training_step(cell, b, params, xs) for b in ("scan", *executors)}, _ROUNDS.value
                )
                ratios = [ratio(timed["scan"], timed[str(b)]) for b in executors]
                first = max(timed[str(b)].first_s for b in executors) / timed["scan"].first_s
                name = type(cell).__name__ + (f", reset {cell.reset}" if isinstance(cell, GRU) else "")
                row = [name, size, f"{timed['scan'].median:.2f}"]
                row += [f"{middle:.2f} ({low:.2f}-{high:.2f})" for middle, low, high in ratios] + [f"{first:.2f}"]
                if group == "diagonal":
                    report = convergence(cell, params, xs, executor=Newton())
                    row.append(f"{int(report.iterations)} iterations, residual {float(report.residual):.0e}")
                print("|", " | ".join(row), "|", flush=True)
                jax.clear_caches()


if __name__ == "__main__":
    app.run(main)
