"""The cells of Flax linen: `SimpleCell`, `LSTMCell`, `OptimizedLSTMCell` and `GRUCell`.

Flax has a dense layer per gate. The LSTM's bias is that of the recurrent side; the GRU resets after the product, with a
bias inside the reset, and weighs `(1 - z) n + z h`, so that z changes its sign. This is about Flax's own cells; layers
of `recurrax.linen` hold parameters under recurrax's names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import layout

_LIBRARY = "Flax linen"


def to_linen(cell: Cell, params: Params) -> dict[str, Any]:
    """Returns parameters as Flax's cell has them, to go under "params" (and "cell", within `flax.linen.RNN`).

    >>> cell = GRU(hidden_size=8, reset="after")
    >>> tree = to_linen(cell, cell.init(jax.random.key(0), input_size=3))
    >>> sorted(tree), tree["hn"]["bias"].shape
    (['hn', 'hr', 'hz', 'in', 'ir', 'iz'], (8,))

    Args:
      cell: RNN (whose activation is Flax's `activation_fn`), LSTM or GRU(reset="after").
      params: its parameters.

    Raises:
      ValueError: Flax has no such cell.
    """
    kind, p = _kind(cell), layout.to_numpy(params)
    b = layout.bias_or_zeros(p.b, p.w_x)
    if kind == "rnn":
        arrays = {"i/kernel": p.w_x, "i/bias": b, "h/kernel": p.w_h}
    elif kind == "lstm":
        arrays = {f"i{gate}/kernel": w for gate, w in _by_gate(p.w_x, "ifgo")}
        arrays |= {f"h{gate}/kernel": w for gate, w in _by_gate(p.w_h, "ifgo")}
        arrays |= {f"h{gate}/bias": w for gate, w in _by_gate(b, "ifgo")}
    else:
        w_x, w_h, b = (layout.reordered(a, "rzn", "rzn", flip="z") for a in (p.w_x, p.w_h, b))
        arrays = {f"i{gate}/kernel": w for gate, w in _by_gate(w_x, "rzn")}
        arrays |= {f"i{gate}/bias": w for gate, w in _by_gate(b, "rzn")}
        arrays |= {f"h{gate}/kernel": w for gate, w in _by_gate(w_h, "rzn")}
        arrays |= {"hn/bias": layout.bias_or_zeros(p.b_hn, p.w_h[:, : len(p.w_h)])}
    return layout.nested({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def from_linen(cell: Cell, tree: Mapping[str, Any]) -> Params:
    """Returns the parameters of a cell from those of Flax's.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_linen(cell, to_linen(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_linen`, of the sizes of Flax's.
      tree: the nested dict of Flax's cell.

    Raises:
      ValueError: Flax has no such cell; an array is missing, unknown or has a wrong shape.
    """
    kind, given = _kind(cell), layout.flat(tree)
    h = cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    gates = {"rnn": ("",), "lstm": tuple("ifgo"), "gru": tuple("rzn")}[kind]
    d = layout.shape_of("tree", given, f"i{gates[0]}/kernel")[0]
    shapes = {f"i{gate}/kernel": (d, h) for gate in gates} | {f"h{gate}/kernel": (h, h) for gate in gates}
    shapes |= {f"{'h' if kind == 'lstm' else 'i'}{gate}/bias": (h,) for gate in gates}
    shapes |= {"hn/bias": (h,)} if kind == "gru" else {}
    w = layout.checked("tree", given, shapes)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([w[name.format(gate)] for gate in gates], axis=-1)

    w_x, w_h = joined("i{}/kernel"), joined("h{}/kernel")
    if kind == "rnn":
        return layout.rnn_params(cell, w_x, w_h, w["i/bias"], _LIBRARY)
    if kind == "lstm":
        return layout.lstm_params(cell, w_x, w_h, joined("h{}/bias"), _LIBRARY)
    w_x, w_h, b = (layout.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, joined("i{}/bias")))
    return layout.gru_params(cell, w_x, w_h, b, w["hn/bias"], _LIBRARY)


def _by_gate(weight: np.ndarray, gates: str) -> list[tuple[str, np.ndarray]]:
    return list(zip(gates, np.split(weight, len(gates), axis=-1), strict=True))


def _kind(cell: Cell) -> str:
    if type(cell).__name__ == "MGU":
        raise ValueError(
            f"cell must not be {cell!r}: Flax's MGUCell multiplies by f after the product with the state, the paper's "
            "cell before it, which is another function, and no weights turn one form into the other."
        )
    kind = layout.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
    layout.require_reset(cell, "after", _LIBRARY)
    return kind
