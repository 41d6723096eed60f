"""Our counterpart of every peer, and the map from its weights, which go by the library's names."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from recurrax import GRU, LSTM, RNN, Cell
from recurrax.interop.haiku import from_haiku
from recurrax.interop.keras import from_keras
from recurrax.interop.linen import from_linen
from recurrax.interop.torch import from_torch


class Twin(NamedTuple):
    """Our counterpart of a peer."""

    cell: Callable[[int], Cell]
    """hidden_size -> the cell."""
    from_library: Callable[[Cell, Any], Any]
    """The cell and the weights by name -> its parameters."""

    def params(self, weights):
        """Returns the parameters; the size is that of the recurrent weight, the only square part of all."""
        return self.from_library(self.cell(hidden_size_of(weights)), weights)


def hidden_size_of(weights):
    names = (
        "weight_hh_l0",
        "h/kernel",
        "hi/kernel",
        "hr/kernel",
        "vanilla_rnn/linear_1/w",
        "gru/w_h",
        "recurrent_kernel",
    )
    for name in names:
        if name in weights:
            return weights[name].shape[1 if name == "weight_hh_l0" else 0]
    return weights["lstm/linear/b"].shape[0] // 4


def keras(cell, weights):
    return from_keras(cell, [weights[name] for name in ("kernel", "recurrent_kernel", "bias")])


gru_after = functools.partial(GRU, reset="after")
relu = functools.partial(RNN, activation="relu")

TWINS = {
    "torch.RNN-tanh": Twin(RNN, from_torch),
    "torch.RNN-relu": Twin(relu, from_torch),
    "torch.LSTM": Twin(LSTM, from_torch),
    "torch.GRU": Twin(gru_after, from_torch),
    "flax.SimpleCell": Twin(RNN, from_linen),
    "flax.LSTMCell": Twin(LSTM, from_linen),
    "flax.OptimizedLSTMCell": Twin(LSTM, from_linen),
    "flax.GRUCell": Twin(gru_after, from_linen),
    "haiku.VanillaRNN": Twin(relu, from_haiku),
    "haiku.LSTM": Twin(LSTM, from_haiku),
    "haiku.GRU": Twin(GRU, from_haiku),
    "keras.SimpleRNN": Twin(RNN, keras),
    "keras.LSTM": Twin(LSTM, keras),
    "keras.GRU-before": Twin(GRU, keras),
    "keras.GRU-after": Twin(gru_after, keras),
}
"""By library and cell; the same keys as `tests.peers.libraries.PEERS` and the recorded vectors."""
