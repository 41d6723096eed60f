"""What the maps to all libraries share: gates put into another order, and arrays checked by name."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from recurrax.cell import Cell, check_cell
from recurrax.cells.gru import GRU, GRUParams
from recurrax.cells.irnn import IRNN
from recurrax.cells.lstm import LSTM, LSTMParams
from recurrax.cells.projected_lstm import ProjectedLSTM
from recurrax.cells.rnn import RNN, RNNParams

KINDS = {RNN: "rnn", IRNN: "rnn", LSTM: "lstm", ProjectedLSTM: "projected", GRU: "gru"}


def kind_of(cell: Cell, library: str, allowed: Iterable[str]) -> str:
    """Returns "rnn", "lstm", "projected" or "gru".

    Raises:
      TypeError: it is no cell.
      ValueError: the library has no counterpart.
    """
    check_cell(cell)
    kind = KINDS.get(type(cell), "")
    if kind not in tuple(allowed):
        raise ValueError(f"cell must be one that {library} has, which {cell!r} is not.")
    return kind


def require_reset(cell: Cell, reset: str, library: str) -> None:
    """Raises unless a GRU resets where the library's does."""
    if getattr(cell, "reset", reset) != reset:
        raise ValueError(
            f"cell must be GRU(reset={reset!r}), got {cell!r}: the GRU of {library} resets {reset} the product with "
            "the state, which is another function, and no weights turn one form into the other. Train that form, or "
            "exchange weights with a library that has this one."
        )


def require_activation(cell: Cell, allowed: tuple[str, ...], library: str) -> None:
    """Raises unless a simple RNN has an activation of the library's."""
    found = getattr(cell, "activation", allowed[0])
    if found not in allowed:
        raise ValueError(f"cell must have activation {' or '.join(map(repr, allowed))} for {library}, got {found!r}.")


def reordered(weight: Any, order: str, wanted: str, *, flip: str = "") -> np.ndarray:
    """Returns the blocks of the last axis, which stand in `order`, as `wanted`; those in `flip` change their sign.

    sigmoid(-a) = 1 - sigmoid(a): the sign of a gate that weighs the other way round.
    """
    blocks = dict(zip(order, np.split(np.asarray(weight), len(order), axis=-1), strict=True))
    return np.concatenate([-blocks[gate] if gate in flip else blocks[gate] for gate in wanted], axis=-1)


def checked(name: str, arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns the arrays after checking that they are those of `shapes`, no more and no fewer.

    Raises:
      ValueError: an array is missing, unknown or has a wrong shape; the message names it.
    """
    missing, unknown = [key for key in shapes if key not in arrays], [key for key in arrays if key not in shapes]
    if missing or unknown:
        told = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        told += [f"has unknown {', '.join(map(repr, unknown))}"] if unknown else []
        raise ValueError(f"{name} {' and '.join(told)}; expected {', '.join(shapes)}.")
    found = {key: np.asarray(arrays[key]) for key in shapes}
    for key, shape in shapes.items():
        if found[key].shape != shape:
            raise ValueError(f"{name}[{key!r}] must have shape {shape}, got {found[key].shape}.")
    return found


def shape_of(name: str, arrays: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """Returns the shape of an array, naming it where it is missing."""
    if key not in arrays:
        raise ValueError(f"{name} lacks {key!r}; it has {', '.join(map(repr, arrays)) or 'nothing'}.")
    return np.shape(arrays[key])


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a nested dict with names such as "hi/kernel"."""
    arrays: dict[str, Any] = {}
    for name, value in tree.items():
        inner = flat(value) if isinstance(value, Mapping) else None
        arrays |= {name: value} if inner is None else {f"{name}/{key}": leaf for key, leaf in inner.items()}
    return arrays


def nested(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns names such as "hi/kernel" as a nested dict."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *path, leaf = name.split("/")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[leaf] = array
    return tree


def to_numpy(params: Any) -> Any:
    """Returns parameters as NumPy arrays."""
    return type(params)(*(None if field is None else np.asarray(field) for field in params))


def bias_or_zeros(b: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Returns the bias, or zeros as wide as the last axis of a weight."""
    return np.zeros(like.shape[-1], like.dtype) if b is None else b


def zero_without_bias(cell: Cell, b: np.ndarray, library: str) -> np.ndarray | None:
    """Returns the bias, None for a cell without one, whose bias has to be 0."""
    if getattr(cell, "use_bias", True):
        return b
    if np.any(b):
        raise ValueError(f"cell must have use_bias=True for weights of {library} whose biases are not 0, got {cell!r}.")
    return None


def params_of(kind: Any, *arrays: np.ndarray | None) -> Any:
    """Returns a NamedTuple of parameters whose leaves are NumPy arrays."""
    return kind(*arrays)


def rnn_params(cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, library: str) -> RNNParams:
    """Returns the parameters of an `RNN`."""
    return params_of(RNNParams, w_x, w_h, zero_without_bias(cell, b, library))


def lstm_params(cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, library: str) -> LSTMParams:
    """Returns the parameters of an `LSTM`."""
    return params_of(LSTMParams, w_x, w_h, zero_without_bias(cell, b, library))


def gru_params(
    cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, b_hn: np.ndarray | None, library: str
) -> GRUParams:
    """Returns the parameters of a `GRU`."""
    b_hn = None if b_hn is None else zero_without_bias(cell, b_hn, library)
    return params_of(GRUParams, w_x, w_h, zero_without_bias(cell, b, library), b_hn)
