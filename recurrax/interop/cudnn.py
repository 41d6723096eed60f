"""The flat weights of `jax.experimental.rnn`, which are cuDNN's: an LSTM of several layers, in one or two directions.

All matrices come first, by layer, direction, side (input, state), then all biases likewise; each as PyTorch's.
"""

from typing import Any

import numpy as np

from recurrax._util import checks
from recurrax.cell import Cell, Params
from recurrax.interop import _arrays, _cells
from recurrax.interop.torch import from_torch, to_torch


def to_cudnn(cell: Cell, params: Params, backward: Params | None = None) -> np.ndarray:
    """Returns parameters as one flat array.

    >>> cell = LSTM(hidden_size=8)
    >>> to_cudnn(cell, cell.init(jax.random.key(0), input_size=3)).shape
    (416,)

    Args:
      cell: LSTM, or a `Stack` of LSTMs of one size.
      params: its parameters.
      backward: those of the backward direction, if there is one; the upper layers of either then take 2H features.

    Raises:
      ValueError: it is no LSTM.
    """
    layers = _layers(cell)
    state = to_torch(cell, params)
    directions = [""] if backward is None else ["", "_reverse"]
    if backward is not None:
        state |= to_torch(cell, backward, reverse=True)
    pairs = [(n, end) for n in range(len(layers)) for end in directions]
    zeros = np.zeros(4 * layers[0].hidden_size, state["weight_ih_l0"].dtype)
    weights = [state[f"weight_{side}_l{n}{end}"] for n, end in pairs for side in ("ih", "hh")]
    biases = [state.get(f"bias_{side}_l{n}{end}", zeros) for n, end in pairs for side in ("ih", "hh")]
    return np.concatenate([array.ravel() for array in weights + biases])


def from_cudnn(cell: Cell, weights: Any, input_size: int, *, bidirectional: bool = False) -> Any:
    """Returns the parameters of a cell from the flat array; a pair (forward, backward) for two directions.

    >>> cell = LSTM(hidden_size=8)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> bool((from_cudnn(cell, to_cudnn(cell, params), input_size=3).w_h == params.w_h).all())
    True

    Args:
      cell: as in `to_cudnn`.
      weights: the flat array.
      input_size: D.
      bidirectional: whether there are two directions.

    Raises:
      ValueError: it is no LSTM; the array has a wrong size.
    """
    layers, weights = _layers(cell), _arrays.to_array(weights)
    checks.count("input_size", input_size)
    h, directions = layers[0].hidden_size, ["", "_reverse"] if bidirectional else [""]
    pairs = [(n, end) for n in range(len(layers)) for end in directions]
    widths = [input_size if n == 0 else len(directions) * h for n, _ in pairs]
    shapes = {}
    for (n, end), width in zip(pairs, widths, strict=True):
        shapes |= {f"weight_ih_l{n}{end}": (4 * h, width), f"weight_hh_l{n}{end}": (4 * h, h)}
    shapes |= {f"bias_{side}_l{n}{end}": (4 * h,) for n, end in pairs for side in ("ih", "hh")}
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    if weights.shape != (sum(sizes),):
        raise ValueError(f"weights must have shape ({sum(sizes)},) for {cell!r}, got {weights.shape}.")
    parts = np.split(weights, np.cumsum(sizes)[:-1])
    state = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
    if not layers[0].use_bias:
        if any(np.any(array) for name, array in state.items() if name.startswith("bias")):
            raise ValueError(f"cell must have use_bias=True for weights whose biases are not 0, got {cell!r}.")
        state = {name: array for name, array in state.items() if not name.startswith("bias")}
    found = [from_torch(cell, state, reverse=end != "") for end in directions]
    return tuple(found) if bidirectional else found[0]


def _layers(cell: Cell) -> tuple[Any, ...]:
    layers: tuple[Any, ...] = cell.layers or (cell,)
    plain = [layer for layer in layers if _cells.is_a("lstm", layer)]
    if len(plain) < len(layers) or len({(layer.hidden_size, layer.use_bias) for layer in plain}) > 1:
        raise ValueError(f"cell must be an LSTM, or a Stack of LSTMs of one size, for cuDNN, got {cell!r}.")
    return tuple(plain)
