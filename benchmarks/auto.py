"""Whether `executor="auto"` is ever slower than the better of `scan` and Flax's best cell: LSTM, GRU and RNN.

    python -m benchmarks.auto --threads=1 --seed=0
    python -m benchmarks.auto --threads=2 --seed=0

Sizes are drawn log-uniformly by the seed: batch 1 to 128, steps 20 to 1000, width 16 to 512, as far as
batch * steps * width^2 <= 1e9. Training (value and gradient of mean(ys^2) with respect to parameters and inputs),
float32, all in turn within a round, the order reversed every round. The table gives the median over rounds of
best / auto, and its 95 % interval (bootstrap over rounds): auto counts as slower where the interval lies below 0.95.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import app, flags

from benchmarks.timing import Timing, interleaved, machine, on_threads

_THREADS = flags.DEFINE_integer("threads", 1, "cores that the process may use", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "draws the sizes", lower_bound=0)
_SIZES = flags.DEFINE_integer("sizes", 20, "number of sizes", lower_bound=1)
_CELLS = flags.DEFINE_list("cells", "lstm,gru,rnn", "cells")
_ROUNDS = flags.DEFINE_integer("rounds", 25, "rounds; fewer where they take more than --seconds", lower_bound=5)
_SECONDS = flags.DEFINE_float("seconds", 10, "time for the rounds of one size and cell")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "forward"], "what is timed")
_THRESHOLD = 0.95


class Ratio(NamedTuple):
    """A median over rounds and its 95 % interval."""

    middle: float
    low: float
    high: float


def draw_sizes(seed: int, count: int) -> list[tuple[int, int, int]]:
    """Draws (batch, steps, width)."""
    generator = np.random.default_rng(seed)
    ranges = np.log([(1, 128), (20, 1000), (16, 512)])
    sizes: list[tuple[int, int, int]] = []
    while len(sizes) < count:
        batch, steps, width = (round(float(np.exp(generator.uniform(*r)))) for r in ranges)
        if batch * steps * width**2 <= 1e9:
            sizes.append((batch, steps, width))
    return sizes


def paired_ratio(slow: Timing, fast: Timing, resamples: int = 2000) -> Ratio:
    """Returns the median of the ratios within rounds, with a bootstrap interval."""
    ratios = slow.ms / fast.ms
    drawn = np.random.default_rng(0).choice(ratios, (resamples, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return Ratio(float(np.median(ratios)), float(low), float(high))


def measure(cell: str, size: tuple[int, int, int]) -> dict[str, Timing]:
    """Times `auto`, `scan` and Flax."""
    from benchmarks.peers import Shape, linen, recurrax

    shape = Shape(*size)
    runs: dict[str, Callable[[], None]] = {
        "auto": recurrax(cell, shape)[_MODE.value],
        "scan": recurrax(cell, shape, "scan")[_MODE.value],
        "flax": linen(cell, shape)[_MODE.value],
    }
    return interleaved(runs, _ROUNDS.value, seconds=_SECONDS.value)


def chosen(cell: str, size: tuple[int, int, int]) -> str:
    """Returns what `auto` takes."""
    import jax

    from benchmarks.peers import Shape, recurrax_cell
    from recurrax.engine.choice import choose
    from recurrax.engine.make_run import make_run

    ours, taken = recurrax_cell(cell, Shape(*size)), []
    batch, steps, width = size

    def look(params, xs):
        taken.append(choose(make_run(ours, params, xs), "auto").executor)

    params = jax.eval_shape(lambda key: ours.init(key, width), jax.random.key(0))
    jax.eval_shape(look, params, jax.ShapeDtypeStruct((steps, batch, width), "float32"))
    return str(taken[0])


def main(argv: list[str]) -> None:
    del argv
    on_threads(_THREADS.value)
    import flax
    import jax

    print(f"{machine()}, flax {flax.__version__}, float32, {_MODE.value}, seed {_SEED.value}; best of scan, flax\n")
    print("| B x T x H | cell | auto takes | auto, ms | scan, ms | flax, ms | best / auto (95 %) |")
    print("|---|---|---|---|---|---|---|", flush=True)
    slower, ratios = [], []
    for size in draw_sizes(_SEED.value, _SIZES.value):
        for cell in _CELLS.value:
            timed = measure(cell, size)
            best = min(("scan", "flax"), key=lambda name: timed[name].median)
            r = paired_ratio(timed[best], timed["auto"])
            ratios.append(r.middle)
            name = "x".join(map(str, size))
            if r.high < _THRESHOLD:
                slower.append(f"{cell} {name}")
            times = [f"{timed[name].median:.2f}" for name in ("auto", "scan", "flax")]
            row = [name, cell, chosen(cell, size), *times, f"{r.middle:.2f} ({r.low:.2f}-{r.high:.2f})"]
            print("|", " | ".join(row), "|", flush=True)
            jax.clear_caches()
    print(f"\nbest / auto: median {np.median(ratios):.2f}, least {min(ratios):.2f}")
    print(f"slower (95 % interval below {_THRESHOLD}): {', '.join(slower) or 'none'}")


if __name__ == "__main__":
    app.run(main)
