"""Haiku's `VanillaRNN`, `LSTM` and `GRU`.

`VanillaRNN` is rectified. The LSTM has one matrix for [x, h], gates in the order i, g, f, o, and adds 1 to the forget
gate as it runs. The GRU resets before the product, gates in the order z, r, n, and weighs as recurrax does.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells

_LIBRARY = "Haiku"
_MODULES = {"rnn": "vanilla_rnn", "lstm": "lstm", "gru": "gru"}


def to_haiku(cell: Cell, params: Params, *, module: str | None = None) -> dict[str, dict[str, np.ndarray]]:
    """Returns parameters as Haiku has them: arrays by module and name.

    >>> cell = LSTM(hidden_size=8)
    >>> tree = to_haiku(cell, cell.init(jax.random.key(0), input_size=3))
    >>> {module: {name: w.shape for name, w in leaves.items()} for module, leaves in tree.items()}
    {'lstm/linear': {'w': (11, 32), 'b': (32,)}}

    Args:
      cell: RNN(activation="relu"), LSTM or GRU(reset="before").
      params: its parameters.
      module: name of Haiku's module; default the one it gives itself, "lstm" for instance.

    Raises:
      ValueError: Haiku has no such cell.
    """
    kind, p = _kind(cell), _cells.to_numpy(cell, params)
    module, b = module or _MODULES[kind], _cells.bias_or_zeros(p.b, p.w_x)
    if kind == "rnn":
        linear = {"w": p.w_x, "b": b}
        return {f"{module}/linear": linear, f"{module}/linear_1": {"w": p.w_h, "b": np.zeros_like(b)}}
    if kind == "lstm":
        b = b.copy()
        b[cell.hidden_size : 2 * cell.hidden_size] -= 1  # pyright: ignore[reportAttributeAccessIssue]
        w = np.concatenate([p.w_x, p.w_h])
        return {f"{module}/linear": {name: _arrays.reordered(a, "ifgo", "igfo") for name, a in (("w", w), ("b", b))}}
    arrays = {"w_i": p.w_x, "w_h": p.w_h, "b": b}
    return {module: {name: _arrays.reordered(a, "rzn", "zrn") for name, a in arrays.items()}}


def from_haiku(cell: Cell, tree: Mapping[str, Mapping[str, Any]], *, module: str | None = None) -> Params:
    """Returns the parameters of a cell from Haiku's; other modules in the tree are passed over.

    >>> cell = GRU(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_haiku(cell, to_haiku(cell, params)).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_haiku`, of the sizes of Haiku's.
      tree: what `hk.transform(...).init` gives.
      module: as in `to_haiku`.

    Raises:
      TypeError: `tree` is no dict of arrays by name.
      ValueError: Haiku has no such cell; an array is missing, unknown or has a wrong shape.
    """
    kind, tree = _kind(cell), _arrays.by_name("tree", tree, "what hk.transform(...).init gives")
    module = module or _MODULES[kind]
    h = cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    given = {name: a for name, a in _arrays.flat(tree).items() if name.startswith(f"{module}/")}
    if kind == "rnn":
        d = _arrays.shape_of("tree", given, f"{module}/linear/w")[0]
        shapes = {"linear/w": (d, h), "linear/b": (h,), "linear_1/w": (h, h), "linear_1/b": (h,)}
    elif kind == "lstm":
        rows = _arrays.shape_of("tree", given, f"{module}/linear/w")[0]
        shapes = {"linear/w": (rows, 4 * h), "linear/b": (4 * h,)}
    else:
        d = _arrays.shape_of("tree", given, f"{module}/w_i")[0]
        shapes = {"w_i": (d, 3 * h), "w_h": (h, 3 * h), "b": (3 * h,)}
    found = _arrays.checked("tree", given, {f"{module}/{name}": shape for name, shape in shapes.items()})
    w = {name.removeprefix(f"{module}/"): a for name, a in found.items()}
    if kind == "rnn":
        b = w["linear/b"] + w["linear_1/b"]
        return _cells.rnn_params(cell, w["linear/w"], w["linear_1/w"], b, _LIBRARY)
    if kind == "lstm":
        weight, b = (_arrays.reordered(w[f"linear/{name}"], "igfo", "ifgo") for name in "wb")
        b[h : 2 * h] += 1
        return _cells.lstm_params(cell, weight[:-h], weight[-h:], b, _LIBRARY)
    w_x, w_h, b = (_arrays.reordered(w[name], "zrn", "rzn") for name in ("w_i", "w_h", "b"))
    return _cells.gru_params(cell, w_x, w_h, b, None, _LIBRARY)


def _kind(cell: Cell) -> str:
    kind = _cells.kind_of(cell, _LIBRARY, ("rnn", "lstm", "gru"))
    _cells.require_reset(cell, "before", _LIBRARY)
    _cells.require_activation(cell, ("relu",), _LIBRARY)
    return kind
