"""The kernel on a Hopper GPU beside cuDNN (through PyTorch), FlashRNN and the other executors, side by side in one run.

    python -m benchmarks.gpu

Training: value and gradient of mean(ys^2) with respect to parameters and inputs, D = H, the input product inside (but
for FlashRNN, which is given projected inputs). Milliseconds, medians; the last column is the best of cuDNN's dtypes
over the kernel: above 1 the kernel is faster. What is not installed is left out.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from absl import app, flags

from benchmarks.steps import training_step
from benchmarks.timing import Timing, interleaved
from recurrax import GRU, LSTM, RNN, Cell, explain

CELLS: dict[str, Callable[[int], Cell]] = {"lstm": LSTM, "gru": lambda width: GRU(width, reset="after"), "rnn": RNN}
SIZES = "64x128x128,128x256x256,16x1024x256,32x512x512,16x1024x768"
CUDNN = ("float16", "bfloat16", "float32")

_CELLS = flags.DEFINE_list("cells", ",".join(CELLS), "cells")
_SIZES = flags.DEFINE_list("sizes", SIZES, "sizes BxTxH")
_DTYPE = flags.DEFINE_enum("dtype", "bfloat16", ["bfloat16", "float16", "float32"], "dtype of recurrax's runs")
_ROUNDS = flags.DEFINE_integer("rounds", 11, "rounds", lower_bound=3)


def ours(cell: Cell, executor: str, size: tuple[int, int, int], dtype: str) -> Callable[[], None]:
    """Returns a training step of recurrax."""
    batch, steps, width = size
    params = cell.init(jax.random.key(0), width)
    xs = jax.random.normal(jax.random.key(1), (steps, batch, width))
    return training_step(cell, executor, *jax.tree.map(lambda a: a.astype(dtype), (params, xs)))


def cudnn(kind: str, size: tuple[int, int, int], dtype: str) -> Callable[[], None]:
    """Returns a training step of PyTorch's layer on the GPU."""
    import torch  # pyright: ignore[reportMissingImports]

    batch, steps, width = size
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](width, width)
    layer = layer.to("cuda", getattr(torch, dtype))
    xs = torch.randn(steps, batch, width, device="cuda", dtype=getattr(torch, dtype), requires_grad=True)

    def train():
        layer.zero_grad()
        xs.grad = None
        layer(xs)[0].float().square().mean().backward()
        torch.cuda.synchronize()

    return train


def flash_rnn(kind: str, size: tuple[int, int, int]) -> Callable[[], None]:
    """Returns a training step of FlashRNN's fused kernel on projected inputs, in bfloat16."""
    import torch  # pyright: ignore[reportMissingImports]
    from flashrnn import flashrnn  # pyright: ignore[reportMissingImports]

    if kind not in ("lstm", "rnn"):
        raise ImportError("FlashRNN has no fused GRU")
    batch, steps, width = size
    gates, name = {"lstm": (4, "lstm"), "rnn": (1, "elman")}[kind]
    make = {"device": "cuda", "dtype": torch.bfloat16, "requires_grad": True}
    wx = torch.randn(batch, steps, gates, 1, width, **make)
    r, b = torch.randn(gates, 1, width, width, **make), torch.randn(gates, 1, width, **make)

    def train():
        for a in (wx, r, b):
            a.grad = None
        h, _ = flashrnn(wx, r, b, function=name, backend="cuda_fused", dtype="bfloat16")
        h[0].float().square().mean().backward()
        torch.cuda.synchronize()

    return train


def runs(kind: str, size: tuple[int, int, int]) -> dict[str, Callable[[], None]]:
    """Returns what can be run here, by name."""
    cell = CELLS[kind](size[2])
    found = {name: ours(cell, name, size, _DTYPE.value) for name in ("kernel", "fused")}
    others: dict[str, Callable[[], Callable[[], None]]] = {
        f"cuDNN {dtype}": functools.partial(cudnn, kind, size, dtype) for dtype in CUDNN
    }
    others["FlashRNN"] = functools.partial(flash_rnn, kind, size)
    for name, build in others.items():
        try:
            run = build()
            run()  # FlashRNN compiles here, and may find that it cannot
        except (ImportError, RuntimeError, OSError) as error:
            print(f"{name} is left out: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            continue
        found[name] = run
    return found


def row(kind: str, text: str, timed: dict[str, Timing]) -> str:
    """Returns a row of the table."""
    peers = [timed[name].median for name in timed if name.startswith("cuDNN")]
    names = ["kernel", "fused", *(f"cuDNN {dtype}" for dtype in CUDNN), "FlashRNN"]
    cells = [kind, text, *(f"{timed[name].median:.2f}" if name in timed else "-" for name in names)]
    cells.append(f"{min(peers) / timed['kernel'].median:.2f}" if peers else "-")
    return "| " + " | ".join(cells) + " |"


def main(argv: list[str]) -> None:
    del argv
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, recurrax in {_DTYPE.value}, training, ms")
    head = [
        "cell",
        "B x T x H",
        "kernel",
        "fused",
        *(f"cuDNN {dtype}" for dtype in CUDNN),
        "FlashRNN",
        "cuDNN / kernel",
    ]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for text in _SIZES.value:
        batch, steps, width = map(int, text.split("x"))
        for kind in _CELLS.value:
            cell = CELLS[kind](width)
            params = jax.tree.map(lambda a: a.astype(_DTYPE.value), cell.init(jax.random.key(0), width))
            told = explain(cell, params, jnp.ones((steps, batch, width), _DTYPE.value), executor="kernel")
            if told.executor != "kernel":
                print(f"{kind} {text}: {told.executor} {told.reason}")
                continue
            print(row(kind, text, interleaved(runs(kind, (batch, steps, width)), _ROUNDS.value)), flush=True)
            jax.clear_caches()


if __name__ == "__main__":
    app.run(main)
