"""What the cells of both kinds of Flax module share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells


def from_gates(cell: Cell, kind: str, given: Mapping[str, Any], library: str) -> Params:
    """Returns the parameters of a cell from the arrays of a dense layer per gate and side."""
    h = cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    gates = {"rnn": ("",), "lstm": tuple("ifgo"), "gru": tuple("rzn")}[kind]
    d = _arrays.shape_of("source", given, f"i{gates[0]}/kernel")[0]
    shapes = {f"i{gate}/kernel": (d, h) for gate in gates} | {f"h{gate}/kernel": (h, h) for gate in gates}
    shapes |= {f"{'h' if kind == 'lstm' else 'i'}{gate}/bias": (h,) for gate in gates}
    shapes |= {"hn/bias": (h,)} if kind == "gru" else {}
    w = _arrays.checked("source", given, shapes)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([w[name.format(gate)] for gate in gates], axis=-1)

    w_x, w_h = joined("i{}/kernel"), joined("h{}/kernel")
    if kind == "rnn":
        return _cells.rnn_params(cell, w_x, w_h, w["i/bias"], library)
    if kind == "lstm":
        return _cells.lstm_params(cell, w_x, w_h, joined("h{}/bias"), library)
    w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, joined("i{}/bias")))
    return _cells.gru_params(cell, w_x, w_h, b, w["hn/bias"], library)


def cell_within(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arrays of the cell, where they are those of Flax's `RNN` around it."""
    inside = bool(arrays) and all(name.startswith("cell/") for name in arrays)
    return {name.removeprefix("cell/") if inside else name: array for name, array in arrays.items()}
