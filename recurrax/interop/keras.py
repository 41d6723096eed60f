"""Keras' `SimpleRNN`, `LSTM` and `GRU`, the last with `reset_after` True or False.

Gates stand in the order i, f, g, o and z, r, n; the GRU weighs `z h + (1 - z) n`, so that z changes its sign, and has
two biases, `[2, 3H]`, where it resets after the product.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import layout

_LIBRARY = "Keras"


def to_keras(cell: Cell, params: Params) -> list[np.ndarray]:
    """Returns parameters as a layer's `set_weights` takes them: kernel, recurrent kernel and bias.

    >>> cell = GRU(hidden_size=8, reset="after")
    >>> [w.shape for w in to_keras(cell, cell.init(jax.random.key(0), input_size=3))]
    [(3, 24), (8, 24), (2, 24)]

    Args:
      cell: RNN (its activation is the layer's), LSTM, GRU(reset="after") for `reset_after=True`, or GRU(reset="before")
        for `reset_after=False`; with `use_bias=False` for a layer without.
      params: its parameters.

    Raises:
      ValueError: Keras has no such cell.
    """
    kind, p = _kind(cell), layout.to_numpy(params)
    if kind != "gru":
        return [p.w_x, p.w_h] + ([] if p.b is None else [p.b])
    w_x, w_h = (layout.reordered(a, "rzn", "zrn", flip="z") for a in (p.w_x, p.w_h))
    if p.b is None:
        return [w_x, w_h]
    b = layout.reordered(p.b, "rzn", "zrn", flip="z")
    if p.b_hn is None:
        return [w_x, w_h, b]
    return [w_x, w_h, np.stack([b, np.concatenate([np.zeros(2 * len(p.b_hn), b.dtype), p.b_hn])])]


def from_keras(cell: Cell, weights: Sequence[Any]) -> Params:
    """Returns the parameters of a cell from a layer's `get_weights()`.

    >>> cell = GRU(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_keras(cell, to_keras(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_keras`, of the sizes of the layer.
      weights: kernel, recurrent kernel and, where there is one, bias.

    Raises:
      ValueError: Keras has no such cell; an array is missing or has a wrong shape.
    """
    kind = _kind(cell)
    gates, h = {"rnn": 1, "lstm": 4, "gru": 3}[kind], cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    after = kind == "gru" and cell.reset == "after"  # pyright: ignore[reportAttributeAccessIssue]
    names = ("kernel", "recurrent_kernel", *(("bias",) if getattr(cell, "use_bias", True) else ()))
    if len(weights) != len(names):
        raise ValueError(f"weights must be {', '.join(names)}, got {len(weights)} arrays for {cell!r}.")
    shapes = {"kernel": (np.shape(weights[0])[0], gates * h), "recurrent_kernel": (h, gates * h)}
    shapes |= {"bias": (2, gates * h) if after else (gates * h,)} if "bias" in names else {}
    w = layout.checked("weights", dict(zip(names, weights, strict=True)), shapes)
    w_x, w_h = w["kernel"], w["recurrent_kernel"]
    b = w.get("bias", np.zeros((2, gates * h) if after else gates * h, w_x.dtype))
    if kind == "rnn":
        return layout.rnn_params(cell, w_x, w_h, b, _LIBRARY)
    if kind == "lstm":
        return layout.lstm_params(cell, w_x, w_h, b, _LIBRARY)
    w_x, w_h, b = (layout.reordered(a, "zrn", "rzn", flip="z") for a in (w_x, w_h, b))
    if not after:
        return layout.gru_params(cell, w_x, w_h, b, None, _LIBRARY)
    b_x, b_h = b
    b = np.concatenate([b_x[: 2 * h] + b_h[: 2 * h], b_x[2 * h :]])
    return layout.gru_params(cell, w_x, w_h, b, b_h[2 * h :], _LIBRARY)


def _kind(cell: Cell) -> str:
    return layout.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
