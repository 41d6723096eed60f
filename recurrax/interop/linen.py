"""The cells of Flax linen: `SimpleCell`, `LSTMCell`, `OptimizedLSTMCell` and `GRUCell`.

Flax has a dense layer per gate. The LSTM's bias is that of the recurrent side; the GRU resets after the product, with a
bias inside the reset, and weighs `(1 - z) n + z h`, so that z changes its sign. This is about Flax's own cells; layers
of `recurrax.linen` hold parameters under recurrax's names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.cells.mgu import MGU
from recurrax.interop import _arrays, _cells, _flax

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
    kind, p = _kind(cell), _cells.to_numpy(cell, params)
    b = _cells.bias_or_zeros(p.b, p.w_x)
    if kind == "rnn":
        arrays = {"i/kernel": p.w_x, "i/bias": b, "h/kernel": p.w_h}
    elif kind == "lstm":
        arrays = {f"i{gate}/kernel": w for gate, w in _by_gate(p.w_x, "ifgo")}
        arrays |= {f"h{gate}/kernel": w for gate, w in _by_gate(p.w_h, "ifgo")}
        arrays |= {f"h{gate}/bias": w for gate, w in _by_gate(b, "ifgo")}
    else:
        w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (p.w_x, p.w_h, b))
        arrays = {f"i{gate}/kernel": w for gate, w in _by_gate(w_x, "rzn")}
        arrays |= {f"i{gate}/bias": w for gate, w in _by_gate(b, "rzn")}
        arrays |= {f"h{gate}/kernel": w for gate, w in _by_gate(w_h, "rzn")}
        arrays |= {"hn/bias": _cells.bias_or_zeros(p.b_hn, p.w_h[:, : len(p.w_h)])}
    return _arrays.nested({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def from_linen(cell: Cell, source: Any, *, prefix: str = "") -> Params:
    """Returns the parameters of a cell from those of Flax's.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_linen(cell, to_linen(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_linen`, of the sizes of Flax's.
      source: variables or parameters, of Flax's cell, of a `flax.linen.RNN` around it, or of a module that has one of
        them; or such a module with its variables, `module.bind(variables)`.
      prefix: name of the cell, or of the `flax.linen.RNN`, within a larger module: "encoder/OptimizedLSTMCell_0".

    Returns:
      As `from_torch`.

    Raises:
      TypeError: the source is neither variables nor a module that has some.
      ValueError: Flax has no such cell; an array is missing, unknown or has a wrong shape.
    """
    kind, given = _kind(cell), _arrays.beneath("source", _arrays_of(source), prefix, "/")
    return _flax.from_gates(cell, kind, _flax.cell_within(given), _LIBRARY)


def _arrays_of(source: Any) -> dict[str, Any]:
    """Returns parameters by names such as "hi/kernel", from variables, from parameters, or from a bound module."""
    if not isinstance(source, Mapping):
        if getattr(source, "scope", None) is None:
            raise TypeError(f"source must be variables, or a module with them: module.bind(variables); got {source!r}.")
        source = source.variables
    return _arrays.flat(source.get("params", source))


def _by_gate(weight: np.ndarray, gates: str) -> list[tuple[str, np.ndarray]]:
    return list(zip(gates, np.split(weight, len(gates), axis=-1), strict=True))


def _kind(cell: Cell) -> str:
    if isinstance(cell, MGU):
        raise ValueError(
            f"cell must not be {cell!r}: Flax's MGUCell multiplies by f after the product with the state, the paper's "
            "cell before it, which is another function, and no weights turn one form into the other."
        )
    kind = _cells.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
    _cells.require_reset(cell, "after", _LIBRARY)
    return kind
