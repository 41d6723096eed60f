"""Results of a study that nothing was run for: what figures, tables and findings are tested with."""

import numpy as np

from experiments.gradient_flow.config import Axes, Data, GradientFlow, Measure, Train
from experiments.gradient_flow.results import CellResults, StudyResults
from experiments.gradient_flow.variants import Variant
from recurrax import LSTM, RNN

SEEDS, STEPS, SEQUENCES, SIZE, BINS = 3, 12, 3, 4, 50


def config(cells="rnn,lstm", snapshots=(0, 2, 5), source="text"):
    measure = Measure(length=STEPS, batch=SEQUENCES, jacobian_batch=1, lyapunov_length=30, dtype="float64")
    train = Train(snapshots=snapshots, batch=4, length=8, learning_rate=0.01, clip_norm=1.0)
    data = Data(source=source, path="", variance=1.0, features=3)
    axes = Axes(hidden_size=(), length=(), forget_bias=(), gain=())
    return GradientFlow(
        cells=cells, hidden_size=SIZE, seeds=SEEDS, seed=0, data=data, measure=measure, train=train, axes=axes
    )


def log_norms(rate, *lead, scatter=0.0, key=0):
    """Falls with the distance by `rate` nats per step; seeds scatter about it, and sequences a little."""
    distance = np.arange(STEPS, -1, -1)[:, None]
    random = np.random.default_rng(key)
    rates = rate + scatter * random.standard_normal((*lead, SEEDS, 1, 1))
    return -rates * distance + 0.01 * random.standard_normal((*lead, SEEDS, STEPS + 1, SEQUENCES))


def cell_results(label="LSTM", fields=("h", "c"), gates=("i", "f"), snapshots=(0, 2, 5), rate=0.5, large=False,
                 layers=0, scatter=0.0, key=0, axes=(), source=None):  # fmt: skip
    """A cell without gates where `gates` is empty, and one too large for Jacobian products where `large` says so."""
    ends, size = len({0, len(snapshots) - 1}), SIZE * len(fields)
    arrays = {
        "snapshots": np.array(snapshots),
        "state_size": np.array(size),
        "log_norm/joint": log_norms(rate, len(snapshots), scatter=scatter, key=key),
        "first_not_finite": np.full((len(snapshots), SEEDS, SEQUENCES), -1),
        "lyapunov_exponent": -np.sort(np.random.default_rng(1).random((ends, SEEDS, size))),
        "theory/log_ratio": np.tile(-rate * np.arange(STEPS + 1), (SEEDS, 1)),
    }
    for field in fields:
        arrays[f"log_norm/field/{field}"] = arrays[f"log_norm/path/{field}"] = log_norms(rate + 0.1, len(snapshots))
    if len(fields) > 1:
        arrays["log_norm/path_rest"] = log_norms(rate + 0.2, len(snapshots))
    if not large:
        arrays["theory/step_radius"] = np.full(SEEDS, 0.75)
        for n, name in enumerate(("largest", "median", "smallest")):
            arrays[f"log_singular_value/{name}"] = log_norms(rate + n, ends)[..., :1]
        gains = {"gain": rate, "largest_gain": rate / 2, "random_gain": rate / 2 + 0.1, "share": rate / 4}
        arrays |= {f"alignment/{name}": log_norms(fall, ends)[..., :1] for name, fall in gains.items()}
        arrays["leading_directions"] = np.full((ends, SEEDS, STEPS + 1), 2.0)
    arrays["layers"] = np.array(layers)
    for name in ("w_x", "w_h", "b"):
        arrays[f"log_norm_weight/{name}"] = log_norms(rate, ends)[:, :, 1:]
    for gate in gates:
        arrays[f"log_norm_gate/{gate}"] = log_norms(rate, ends)[:, :, 1:]
        arrays |= {
            f"gate_over_time/{name}/{gate}": np.full((ends, SEEDS, STEPS), 0.25) for name in ("mean", "q10", "q90")
        }
        arrays |= {f"gate/{name}/{gate}": np.full((ends, SEEDS, SIZE), 0.25) for name in ("mean", "low", "high")}
        arrays[f"gate/histogram/{gate}"] = np.full((ends, SEEDS, BINS), 1 / BINS)
        arrays[f"gate/range/{gate}"] = np.array([0.0, 1.0])
    if gates:
        arrays["gate/memory_time"] = np.full((ends, SEEDS, SIZE), 2.0)
        arrays["theory/log_carousel"] = arrays["theory/log_ratio"] / 2
    if snapshots[-1] > 0:
        arrays["train_loss"] = np.linspace(4, 3, snapshots[-1])[:, None] + np.zeros(SEEDS)
        arrays["held_out_loss"] = np.linspace(4, 3, len(snapshots))[:, None] + np.zeros(SEEDS)
    cell = (LSTM if len(fields) > 1 else RNN)(hidden_size=SIZE)
    return CellResults(Variant(label, cell, STEPS, source or label, axes), arrays)


def results(*cells, **options):
    cells = cells or (cell_results("RNN", ("h",), (), rate=1.0), cell_results("LSTM"))
    costs = {name: np.arange(1.0, len(cells) + 1) for name in ("forward_ms", "gradient_ms", "gradient_bytes")}
    for name in ("forward_ms", "gradient_ms"):
        costs |= {f"{name}/low": 0.9 * costs[name], f"{name}/high": 1.1 * costs[name]}
    costs["parameters"] = np.arange(100, 100 + len(cells))
    costs |= {"rounds": np.full(len(cells), 25), "load": np.full(len(cells), 0.5)}
    return StudyResults(config(**options), "A text", 20, cells, costs, (2.5, 2.3))


def said(generator, *cells, **options):
    """Returns the sentences of a generator about such cells, with plain spaces."""
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in generator(results(*cells, **options))]


def apart():
    """Two starts of one family whose reaches differ by far more than their seeds."""
    return cell_results("LSTM, a", rate=0.2, scatter=0.002), cell_results("LSTM, b", rate=1.0, scatter=0.002, key=1)
