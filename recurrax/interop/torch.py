"""PyTorch's `nn.RNN`, `nn.LSTM` and `nn.GRU`: one layer and direction, or a stack.

PyTorch keeps weights as `[gates * H, D]`, gates in the order i, f, g, o and r, z, n, and two biases. Its GRU resets
after the product, and weighs `(1 - z) n + z h`, so that z changes its sign.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrax._util import checks
from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells

_LIBRARY = "torch"


def to_torch(cell: Cell, params: Params, *, layer: int = 0, reverse: bool = False) -> dict[str, np.ndarray]:
    """Returns parameters as entries of a state dict, which `load_state_dict` takes as `torch.from_numpy` of each.

    `torch.from_numpy` knows no bfloat16: `torch.from_numpy(array.view("int16")).view(torch.bfloat16)`.

    >>> cell = LSTM(hidden_size=8)
    >>> state = to_torch(cell, cell.init(jax.random.key(0), input_size=3))
    >>> {name: array.shape for name, array in state.items()}
    {'weight_ih_l0': (32, 3), 'weight_hh_l0': (32, 8), 'bias_ih_l0': (32,), 'bias_hh_l0': (32,)}

    For both directions join two dicts: `to_torch(cell, forward) | to_torch(cell, backward, reverse=True)`.

    Args:
      cell: RNN with tanh or relu, LSTM, ProjectedLSTM, GRU(reset="after"), or a `Stack` of one of them.
      params: its parameters.
      layer: number of the layer; of the lowest for a stack.
      reverse: whether it is the backward direction of a bidirectional layer.

    Raises:
      ValueError: PyTorch has no such cell.
    """
    if cell.layers:
        pairs = zip(cell.layers, params, strict=True)
        found = [to_torch(c, p, layer=layer + n, reverse=reverse) for n, (c, p) in enumerate(pairs)]
        return {name: array for state in found for name, array in state.items()}
    kind = _kind(cell)
    p = _cells.to_numpy(cell, params)
    if kind == "gru":
        w_x, w_h = (_arrays.reordered(w, "rzn", "rzn", flip="z") for w in (p.w_x, p.w_h))
        b = None if p.b is None else _arrays.reordered(p.b, "rzn", "rzn", flip="z")
        b_h = None if p.b is None else np.concatenate([np.zeros(2 * len(p.b_hn), p.b.dtype), p.b_hn])
    else:
        w_x, w_h, b = p.w_x, p.w_h, p.b
        b_h = None if b is None else np.zeros_like(b)
    state = {"weight_ih": w_x.T, "weight_hh": w_h.T}
    if b is not None:
        state |= {"bias_ih": b, "bias_hh": b_h}
    if kind == "projected":
        state |= {"weight_hr": p.w_r.T}
    end = _suffix(layer, reverse)
    return {f"{name}_{end}": np.ascontiguousarray(array) for name, array in state.items()}


def from_torch(cell: Cell, source: Any, *, prefix: str = "", layer: int = 0, reverse: bool = False) -> Params:
    """Returns the parameters of a cell from PyTorch's; other layers and directions are passed over.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> again = from_torch(cell, to_torch(cell, params))
    >>> bool((again.w_x == params.w_x).all())
    True

    Args:
      cell: as in `to_torch`, of the sizes of the layer; with `use_bias=False` for `nn.LSTM(bias=False)`.
      source: a module, `torch.nn.LSTM` for one, or a state dict: arrays or tensors by PyTorch's names.
      prefix: name of the layer within a larger module, "encoder.rnn" for instance.
      layer: number of the layer; of the lowest for a stack.
      reverse: whether to take the backward direction.

    Returns:
      NumPy arrays in the structure of the cell's parameters, in the dtype of the weights; the `variables_of` of a
      linen layer and the `set_params` of an nnx layer take them.

    Raises:
      TypeError: the source is no module and no state dict; `layer` is no integer.
      ValueError: PyTorch has no such cell; an array is missing or has a wrong shape.
    """
    if not isinstance(source, Mapping) and hasattr(source, "state_dict"):
        source = source.state_dict()
    state = _arrays.by_name("source", source, "a torch module or its state_dict()")
    checks.size("layer", layer)
    return _from_state(cell, _arrays.beneath("source", state, prefix, "."), layer, reverse)


def _from_state(cell: Cell, state: Mapping[str, Any], layer: int, reverse: bool) -> Params:
    """Returns the parameters from the state dict of one module."""
    if cell.layers:
        return tuple(_from_state(own, state, layer + n, reverse) for n, own in enumerate(cell.layers))
    kind, end = _kind(cell), _suffix(layer, reverse)
    gates, h = {"rnn": 1, "gru": 3}.get(kind, 4), cell.hidden_size  # pyright: ignore[reportAttributeAccessIssue]
    p = cell.size_of_output if kind == "projected" else h  # pyright: ignore[reportAttributeAccessIssue]
    columns = _arrays.shape_of("source", state, f"weight_ih_{end}")[-1]
    shapes = {f"weight_ih_{end}": (gates * h, columns), f"weight_hh_{end}": (gates * h, p)}
    if getattr(cell, "use_bias", True):
        shapes |= {f"bias_ih_{end}": (gates * h,), f"bias_hh_{end}": (gates * h,)}
    if kind == "projected":
        shapes |= {f"weight_hr_{end}": (p, h)}
    own = {name: array for name, array in state.items() if name.partition("_l")[2] == end.removeprefix("l")}
    w = {name.removesuffix(f"_{end}"): array for name, array in _arrays.checked("source", own, shapes).items()}
    w_x, w_h = w["weight_ih"].T, w["weight_hh"].T
    zeros = np.zeros(gates * h, w_x.dtype)
    b_x, b_h = w.get("bias_ih", zeros), w.get("bias_hh", zeros)
    if kind == "rnn":
        return _cells.rnn_params(cell, w_x, w_h, b_x + b_h, _LIBRARY)
    if kind == "lstm":
        return _cells.lstm_params(cell, w_x, w_h, b_x + b_h, _LIBRARY)
    if kind == "projected":
        return _cells.projected_params(cell, w_x, w_h, b_x + b_h, w["weight_hr"].T, _LIBRARY)
    b = np.concatenate([b_x[: 2 * h] + b_h[: 2 * h], b_x[2 * h :]])
    w_x, w_h, b = (_arrays.reordered(a, "rzn", "rzn", flip="z") for a in (w_x, w_h, b))
    return _cells.gru_params(cell, w_x, w_h, b, b_h[2 * h :], _LIBRARY)


def _kind(cell: Cell) -> str:
    kind = _cells.kind_of(cell, _LIBRARY, ("rnn", "lstm", "projected", "gru"))
    _cells.require_reset(cell, "after", _LIBRARY)
    _cells.require_activation(cell, ("tanh", "relu"), _LIBRARY)
    return kind


def _suffix(layer: int, reverse: bool) -> str:
    return f"l{layer}_reverse" if reverse else f"l{layer}"
