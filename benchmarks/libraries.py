"""recurrax beside Flax linen and nnx, Haiku, Equinox, Keras (JAX) and PyTorch: RNN, LSTM, GRU; forward and training.

    python -m benchmarks.libraries --out=runs/bench

One process; all libraries in turn within a round, the order reversed every round; float32; medians. Writes
`libraries.md`, `libraries.csv` and `libraries.png` to the folder, and prints geometric means of the ratios.
A library that is not installed is left out.
"""

import csv
from pathlib import Path

import jax
from absl import app, flags
from matplotlib.figure import Figure

from benchmarks.peers import JAX_LIBRARIES, LIBRARIES, Shape, flops
from benchmarks.timing import Timing, gemm_gflops, geometric_mean, interleaved, machine, ratio

SIZES = "16x50x32,32x100x64,64x128x128,1x1000x128,128x256x256,32x512x512"
_OUT = flags.DEFINE_string("out", "runs/bench", "folder for the tables and the figure")
_SIZES = flags.DEFINE_list("sizes", SIZES, "sizes BxTxH")
_CELLS = flags.DEFINE_list("cells", "rnn,lstm,gru", "cells")
_MODES = flags.DEFINE_list("modes", "train,forward", "train, forward or both")
_ROUNDS = flags.DEFINE_integer("rounds", 11, "rounds; large sizes get fewer", lower_bound=3)

Key = tuple[str, str, Shape]


def measure(cell: str, shape: Shape, mode: str, rounds: int) -> dict[str, Timing]:
    """Times every library that is installed."""
    runs = {}
    for name, build in LIBRARIES.items():
        try:
            built = build(cell, shape)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        if built is not None:
            runs[name] = built[mode]
    large = flops(cell, shape, mode) > 2e10
    return interleaved(runs, max(3, rounds // 3) if large else rounds)


def claims(results: dict[Key, dict[str, Timing]]) -> list[str]:
    """Says how fast recurrax trains beside the others; above 1 it is faster."""
    against_jax, against_torch = {}, {}
    for (cell, mode, shape), timed in results.items():
        if mode != "train":
            continue
        ours = timed["recurrax"]
        jax_peers = [timed[name] for name in JAX_LIBRARIES if name in timed]
        if jax_peers:
            against_jax[cell, shape] = min(ratio(peer, ours) for peer in jax_peers)
        if "torch" in timed:
            against_torch[cell, shape] = ratio(timed["torch"], ours)
    lines = []
    if against_jax:
        mean = geometric_mean([r[0] for r in against_jax.values()])
        single = geometric_mean([r[0] for (_, shape), r in against_jax.items() if shape.batch == 1])
        slower = [f"{cell} {_name(shape)} ({r[0]:.2f})" for (cell, shape), r in against_jax.items() if r[2] < 1]
        lines.append(f"best JAX library per size / recurrax, training: geometric mean {mean:.2f}; at B=1 {single:.2f}")
        lines.append(f"sizes where recurrax is slower beyond the quartiles of the ratio: {', '.join(slower) or 'none'}")
    for cell in sorted({cell for cell, _ in against_torch}):
        mean = geometric_mean([r[0] for (c, _), r in against_torch.items() if c == cell])
        single = geometric_mean([r[0] for (c, shape), r in against_torch.items() if c == cell and shape.batch == 1])
        lines.append(f"torch / recurrax, training {cell}: geometric mean {mean:.2f}; at B=1 {single:.2f}")
    return lines


def table(results: dict[Key, dict[str, Timing]], limit: float) -> str:
    """Returns the Markdown table: milliseconds of recurrax, and the times of the others over it."""
    others = [name for name in LIBRARIES if name != "recurrax"]
    head = ["cell", "B x T x H", "mode", "recurrax, ms", "of GEMM limit", "first call, s", *others]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (cell, mode, shape), timed in results.items():
        ours = timed["recurrax"]
        share = flops(cell, shape, mode) / (1e6 * ours.median * limit)
        cells = [cell, _name(shape), mode, f"{ours.median:.2f}", f"{share:.0%}", f"{ours.first_s:.2f}"]
        for name in others:
            if name not in timed:
                cells.append("-")
                continue
            middle, low, high = ratio(timed[name], ours)
            cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def figure(results: dict[Key, dict[str, Timing]]) -> Figure:
    """Draws every library's training time over recurrax's."""
    colors = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#D55E00")
    trained = {key: timed for key, timed in results.items() if key[1] == "train"}
    cells = list(dict.fromkeys(key[0] for key in trained))
    drawing = Figure(figsize=(4.2 * len(cells), 3.8), layout="constrained")
    for ax, cell in zip(drawing.subplots(1, len(cells), squeeze=False, sharey=True)[0], cells, strict=True):
        of_cell = {shape: timed for (c, _, shape), timed in trained.items() if c == cell}
        for n, name in enumerate(name for name in LIBRARIES if name != "recurrax"):
            places = [p for p, timed in enumerate(of_cell.values()) if name in timed]
            values = [ratio(timed[name], timed["recurrax"])[0] for timed in of_cell.values() if name in timed]
            ax.plot(places, values, "osD^vP"[n], color=colors[n], label=name, markersize=6)
        ax.axhline(1, color="#555555", linewidth=1)
        ax.set_yscale("log", base=2)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set_xticks(range(len(of_cell)), [_name(shape) for shape in of_cell], rotation=30, ha="right")
        ax.set_title(cell.upper())
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    drawing.axes[0].set_ylabel("training time / recurrax's")
    drawing.axes[-1].legend(frameon=False, fontsize=8)
    return drawing


def _name(shape: Shape) -> str:
    return "x".join(map(str, shape))


def main(argv: list[str]) -> None:
    del argv
    out = Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    limit = gemm_gflops()
    results: dict[Key, dict[str, Timing]] = {}
    for size in _SIZES.value:
        shape = Shape(*map(int, size.split("x")))
        for cell in _CELLS.value:
            for mode in _MODES.value:
                results[cell, mode, shape] = timed = measure(cell, shape, mode, _ROUNDS.value)
                print(cell, size, mode, {name: round(t.median, 2) for name, t in timed.items()}, flush=True)
                jax.clear_caches()
    head = (
        f"{machine()}, float32; product of 2048 x 2048 "
        f"matrices: {limit:.0f} GFLOP/s. Columns of libraries: their time / recurrax's, median (quartiles) over rounds."
    )
    lines = claims(results)
    (out / "libraries.md").write_text("\n\n".join([head, table(results, limit), "\n".join(lines)]) + "\n")
    with (out / "libraries.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["cell", "mode", "batch", "steps", "width", "library", "first_call_s", "median_ms", "min_ms"])
        for (cell, mode, shape), timed in results.items():
            for name, t in timed.items():
                writer.writerow([cell, mode, *shape, name, f"{t.first_s:.3f}", f"{t.median:.4f}", f"{t.ms.min():.4f}"])
    if any(mode == "train" for _, mode, _ in results):
        figure(results).savefig(out / "libraries.png", dpi=160)
    print(head, *lines, f"written to {out}", sep="\n")


if __name__ == "__main__":
    app.run(main)
