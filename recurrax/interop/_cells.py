"""Which cells a library has, and their parameters made of arrays."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import numpy as np

from recurrax.cell import Cell, check_cell
from recurrax.cells.gru import GRU, GRUParams
from recurrax.cells.lstm import LSTM, LSTMParams
from recurrax.cells.projected_lstm import ProjectedLSTM, ProjectedLSTMParams
from recurrax.cells.rnn import RNN, RNNParams
from recurrax.parameters import parameter_shapes


class _Kind(NamedTuple):
    """Cells whose parameters mean the same: a class, with all subclasses that keep the parameters."""

    cell: type[Cell]
    params: type


_KINDS = {
    "rnn": _Kind(RNN, RNNParams),
    "lstm": _Kind(LSTM, LSTMParams),
    "projected": _Kind(ProjectedLSTM, ProjectedLSTMParams),
    "gru": _Kind(GRU, GRUParams),
}


def kind_of(cell: Cell, library: str, allowed: Iterable[str]) -> str:
    """Returns "rnn", "lstm", "projected" or "gru".

    Raises:
      TypeError: it is no cell.
      ValueError: the library has no counterpart.
    """
    check_cell(cell)
    for name in allowed:
        if is_a(name, cell):
            return name
    raise ValueError(f"cell must be one that {library} has, which {cell!r} is not.")


_USES = ("prepare", "project", "gates", "step", "output")
"""The methods that give weights their meaning."""


def is_a(name: str, cell: Cell) -> bool:
    """Tells whether a cell is of a kind: of its class, or of a subclass that keeps the parameters and what they do."""
    kind = _KINDS[name]
    same = all(getattr(type(cell), method) is getattr(kind.cell, method) for method in _USES)
    return isinstance(cell, kind.cell) and same and type(parameter_shapes(cell, 1)) is kind.params


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


def to_numpy(cell: Cell, params: Any) -> Any:
    """Returns parameters as NumPy arrays of the caller's own.

    Raises:
      TypeError: they are not those of the cell.
    """
    expected = parameter_shapes(cell, 1)  # whatever the size of the input, the names are the same
    if jax.tree.structure(params) != jax.tree.structure(expected):
        names = ", ".join(name for name, shape in expected._asdict().items() if shape is not None)
        raise TypeError(
            f"params must be those of {cell!r}, {type(expected).__name__} with {names}; got "
            f"{jax.tree.structure(params)}."
        )
    return jax.tree.map(np.array, params)


def bias_or_zeros(b: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Returns the bias, or zeros as wide as the last axis of a weight."""
    return np.zeros(like.shape[-1], like.dtype) if b is None else b


def rnn_params(cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, library: str) -> RNNParams:
    """Returns the parameters of an `RNN`."""
    return _of(RNNParams, w_x, w_h, _bias(cell, b, library))


def lstm_params(cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, library: str) -> LSTMParams:
    """Returns the parameters of an `LSTM`."""
    return _of(LSTMParams, w_x, w_h, _bias(cell, b, library))


def projected_params(
    cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, w_r: np.ndarray, library: str
) -> ProjectedLSTMParams:
    """Returns the parameters of a `ProjectedLSTM`."""
    return _of(ProjectedLSTMParams, w_x, w_h, _bias(cell, b, library), w_r)


def gru_params(
    cell: Cell, w_x: np.ndarray, w_h: np.ndarray, b: np.ndarray, b_hn: np.ndarray | None, library: str
) -> GRUParams:
    """Returns the parameters of a `GRU`."""
    b_hn = None if b_hn is None else _bias(cell, b_hn, library)
    return _of(GRUParams, w_x, w_h, _bias(cell, b, library), b_hn)


def _bias(cell: Cell, b: np.ndarray, library: str) -> np.ndarray | None:
    """Returns the bias, None for a cell without one, whose bias has to be 0."""
    if getattr(cell, "use_bias", True):
        return b
    if np.any(b):
        raise ValueError(f"cell must have use_bias=True for weights of {library} whose biases are not 0, got {cell!r}.")
    return None


def _of(kind: Any, *arrays: np.ndarray | None) -> Any:
    """Returns a NamedTuple of parameters whose leaves are NumPy arrays."""
    return kind(*arrays)
