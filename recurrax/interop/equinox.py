"""Equinox's `LSTMCell` and `GRUCell`: weights as PyTorch has them, one bias, and another one inside the reset."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells

_LIBRARY = "Equinox"


def to_equinox(cell: Cell, params: Params) -> dict[str, np.ndarray]:
    """Returns parameters by the fields of Equinox's cell, for `eqx.tree_at`.

    >>> cell = GRU(hidden_size=8, reset="after")
    >>> fields = to_equinox(cell, cell.init(jax.random.key(0), input_size=3))
    >>> {name: array.shape for name, array in fields.items()}
    {'weight_ih': (24, 3), 'weight_hh': (24, 8), 'bias': (24,), 'bias_n': (8,)}

    Args:
      cell: LSTM or GRU(reset="after").
      params: its parameters.

    Raises:
      ValueError: Equinox has no such cell.
    """
    kind, p = _kind(cell), _cells.to_numpy(cell, params)
    w_x, w_h, b = p.w_x, p.w_h, p.b
    if kind == "gru":
        w_x, w_h = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h))
        b = None if b is None else _arrays.reordered(b, "rzn", "rzn", flip="z")
    fields = {"weight_ih": np.ascontiguousarray(w_x.T), "weight_hh": np.ascontiguousarray(w_h.T)}
    if b is not None:
        fields |= {"bias": b} | ({"bias_n": p.b_hn} if kind == "gru" else {})
    return fields


def from_equinox(cell: Cell, fields: Mapping[str, Any]) -> Params:
    """Returns the parameters of a cell from the fields of Equinox's.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_equinox(cell, to_equinox(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_equinox`, of the sizes of Equinox's; with `use_bias=False` where that has none.
      fields: its arrays by field: weight_ih, weight_hh, bias, and bias_n of a GRU.

    Raises:
      TypeError: `fields` are no arrays by name.
      ValueError: Equinox has no such cell; an array is missing, unknown or has a wrong shape.
    """
    kind, fields = _kind(cell), _arrays.by_name("fields", fields, "a dict of the cell's fields")
    gates, h = {"lstm": 4, "gru": 3}[kind], cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    d = _arrays.shape_of("fields", fields, "weight_ih")[-1]
    shapes = {"weight_ih": (gates * h, d), "weight_hh": (gates * h, h)}
    if getattr(cell, "use_bias", True):
        shapes |= {"bias": (gates * h,)} | ({"bias_n": (h,)} if kind == "gru" else {})
    w = _arrays.checked("fields", fields, shapes)
    w_x, w_h = w["weight_ih"].T, w["weight_hh"].T
    b = w.get("bias", np.zeros(gates * h, w_x.dtype))
    if kind == "lstm":
        return _cells.lstm_params(cell, w_x, w_h, b, _LIBRARY)
    w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, b))
    return _cells.gru_params(cell, w_x, w_h, b, w.get("bias_n", np.zeros(h, b.dtype)), _LIBRARY)


def _kind(cell: Cell) -> str:
    kind = _cells.kind_of(cell, _LIBRARY, ("lstm", "gru"))
    _cells.require_reset(cell, "after", _LIBRARY)
    return kind
