"""The cells of Flax nnx: `SimpleCell`, `LSTMCell`, `OptimizedLSTMCell` and `GRUCell`.

`LSTMCell` is linen's but for the name "if_"; `OptimizedLSTMCell` and `GRUCell` have one matrix per side. The GRU lacks
the bias inside the reset. This is about Flax's own cells; layers of `recurrax.nnx` hold parameters under recurrax's
names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells, _flax
from recurrax.interop.linen import to_linen

_LIBRARY = "Flax nnx"


def to_nnx(cell: Cell, params: Params, *, optimized: bool = False) -> dict[str, Any]:
    """Returns parameters as a pure dict of nnx's cell, which `nnx.replace_by_pure_dict` puts into its state.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> sorted(to_nnx(cell, params)), sorted(to_nnx(cell, params, optimized=True))
    (['hf', 'hg', 'hi', 'ho', 'if_', 'ig', 'ii', 'io'], ['dense_h', 'dense_i'])

    Args:
      cell: RNN, LSTM or GRU(reset="after").
      params: its parameters.
      optimized: for an LSTM, whether it is to be an `OptimizedLSTMCell`.

    Raises:
      ValueError: nnx has no such cell; b_hn of a GRU is not 0.
    """
    kind, p = _kind(cell), _cells.to_numpy(cell, params)
    if kind == "lstm" and not optimized:
        return {"if_" if name == "if" else name: leaf for name, leaf in to_linen(cell, params).items()}
    b = _cells.bias_or_zeros(p.b, p.w_x)
    if kind == "lstm":
        return _arrays.nested({"dense_i/kernel": p.w_x, "dense_h/kernel": p.w_h, "dense_h/bias": b})
    w_x, w_h = p.w_x, p.w_h
    if kind == "gru":
        if p.b_hn is not None and np.any(p.b_hn):
            raise ValueError(
                "params must have b_hn = 0 for Flax nnx, whose GRUCell has no bias inside the reset; with another b_hn "
                "no weights give the same function. Export to Flax linen, whose cell has it."
            )
        w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, b))
    return _arrays.nested({"dense_i/kernel": w_x, "dense_i/bias": b, "dense_h/kernel": w_h})


def from_nnx(cell: Cell, source: Any, *, prefix: str = "") -> Params:
    """Returns the parameters of a cell from those of nnx's, of an LSTM from either of its two cells.

    >>> cell = GRU(hidden_size=8, reset="after")
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_nnx(cell, to_nnx(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_nnx`, of the sizes of nnx's.
      source: nnx's cell, a `flax.nnx.RNN` around it, or a module that has one of them; or its `nnx.state` of
        `nnx.Param`, which may be a pure dict.
      prefix: name of the cell, or of the `flax.nnx.RNN`, within a larger module: "encoder/rnn".

    Returns:
      As `from_torch`.

    Raises:
      TypeError: the source is no module and no state of one.
      ValueError: nnx has no such cell; an array is missing, unknown or has a wrong shape.
    """
    kind = _kind(cell)
    given = _flax.cell_within(_arrays.beneath("source", _arrays.flat(_state_of(source)), prefix, "/"))
    if kind == "lstm" and "ii/kernel" in given:
        return _flax.from_gates(cell, kind, {name.replace("if_/", "if/"): a for name, a in given.items()}, _LIBRARY)
    h = cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    d, side = _arrays.shape_of("source", given, "dense_i/kernel")[0], "h" if kind == "lstm" else "i"
    shapes = {"dense_i/kernel": (d, gates * h), "dense_h/kernel": (h, gates * h), f"dense_{side}/bias": (gates * h,)}
    w = _arrays.checked("source", given, shapes)
    w_x, w_h, b = w["dense_i/kernel"], w["dense_h/kernel"], w[f"dense_{side}/bias"]
    if kind == "rnn":
        return _cells.rnn_params(cell, w_x, w_h, b, _LIBRARY)
    if kind == "lstm":
        return _cells.lstm_params(cell, w_x, w_h, b, _LIBRARY)
    w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, b))
    return _cells.gru_params(cell, w_x, w_h, b, np.zeros(h, b.dtype), _LIBRARY)


def _state_of(source: Any) -> Mapping[str, Any]:
    """Returns parameters by name, nested, from a module or its state."""
    if isinstance(source, Mapping):
        return source
    from flax import nnx  # only here, where there is a module of it

    if not isinstance(source, nnx.Module):
        raise TypeError(f"source must be an nnx module, its nnx.state or a pure dict of it, got {source!r}.")
    return nnx.state(source, nnx.Param)


def _kind(cell: Cell) -> str:
    kind = _cells.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
    _cells.require_reset(cell, "after", _LIBRARY)
    return kind
