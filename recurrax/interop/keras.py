"""Keras' `SimpleRNN`, `LSTM` and `GRU`, the last with `reset_after` True or False.

Gates stand in the order i, f, g, o and z, r, n; the GRU weighs `z h + (1 - z) n`, so that z changes its sign, and has
two biases, `[2, 3H]`, where it resets after the product.
"""

from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells

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
    kind, p = _kind(cell), _cells.to_numpy(cell, params)
    if kind != "gru":
        return [p.w_x, p.w_h] + ([] if p.b is None else [p.b])
    w_x, w_h = (_arrays.reordered(a, "rzn", "zrn", flip="z") for a in (p.w_x, p.w_h))
    if p.b is None:
        return [w_x, w_h]
    b = _arrays.reordered(p.b, "rzn", "zrn", flip="z")
    if p.b_hn is None:
        return [w_x, w_h, b]
    return [w_x, w_h, np.stack([b, np.concatenate([np.zeros(2 * len(p.b_hn), b.dtype), p.b_hn])])]


def from_keras(cell: Cell, source: Any, *, prefix: str = "") -> Params:
    """Returns the parameters of a cell from a layer's.

    >>> cell = GRU(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_keras(cell, to_keras(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_keras`, of the sizes of the layer.
      source: a layer, a model that has it, or what the layer's `get_weights()` gives: kernel, recurrent kernel and,
        where there is one, bias.
      prefix: name of the layer within a model, "encoder/lstm" for one within another.

    Returns:
      As `from_torch`.

    Raises:
      TypeError: the source is no layer, no model and no list of arrays.
      ValueError: Keras has no such cell; an array is missing or has a wrong shape.
    """
    kind, weights = _kind(cell), _weights_of(source, prefix)
    gates, h = {"rnn": 1, "lstm": 4, "gru": 3}[kind], cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    after = kind == "gru" and cell.reset == "after"  # pyright: ignore[reportAttributeAccessIssue]
    names = ("kernel", "recurrent_kernel", *(("bias",) if getattr(cell, "use_bias", True) else ()))
    if len(weights) != len(names):
        raise ValueError(f"source must have {', '.join(names)}, got {len(weights)} arrays for {cell!r}.")
    shapes = {"kernel": (_arrays.to_array(weights[0]).shape[0], gates * h), "recurrent_kernel": (h, gates * h)}
    shapes |= {"bias": (2, gates * h) if after else (gates * h,)} if "bias" in names else {}
    w = _arrays.checked("source", dict(zip(names, weights, strict=True)), shapes)
    w_x, w_h = w["kernel"], w["recurrent_kernel"]
    b = w.get("bias", np.zeros((2, gates * h) if after else gates * h, w_x.dtype))
    if kind == "rnn":
        return _cells.rnn_params(cell, w_x, w_h, b, _LIBRARY)
    if kind == "lstm":
        return _cells.lstm_params(cell, w_x, w_h, b, _LIBRARY)
    w_x, w_h, b = (_arrays.reordered(a, "zrn", "rzn", flip="z") for a in (w_x, w_h, b))
    if not after:
        return _cells.gru_params(cell, w_x, w_h, b, None, _LIBRARY)
    b_x, b_h = b
    b = np.concatenate([b_x[: 2 * h] + b_h[: 2 * h], b_x[2 * h :]])
    return _cells.gru_params(cell, w_x, w_h, b, b_h[2 * h :], _LIBRARY)


def _weights_of(source: Any, prefix: str) -> list[Any]:
    """Returns the arrays of a layer, of one within a model, or those that are given."""
    for name in prefix.split("/") if prefix else ():
        if not hasattr(source, "get_layer"):
            raise TypeError(f"source must be a Keras model to have the layer {name!r} of prefix={prefix!r}.")
        source = source.get_layer(name)
    if hasattr(source, "weights"):
        values = [variable.value for variable in source.weights]
        return [value() if callable(value) else value for value in values]  # a method in Keras 2
    if not isinstance(source, list | tuple):
        raise TypeError(f"source must be a Keras layer or its weights, got {source!r}.")
    return list(source)


def _kind(cell: Cell) -> str:
    return _cells.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
