"""Weights of other libraries as parameters of our cells.

A weight goes by its name in the library, and is a NumPy array with the library's layout. Every function takes the
dict of a library's weights and returns our cell's parameters. Where the other library weighs the update gate the other
way round, the column of z changes its sign: sigmoid(-a) = 1 - sigmoid(a).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from recurrax import GRU, LSTM, RNN, Cell
from recurrax.cells.gru import GRUParams
from recurrax.cells.lstm import LSTMParams
from recurrax.cells.rnn import RNNParams


def reorder(weight, ours, theirs, *, flip=""):
    """Returns the columns of the gates in our order, those of the gates in `flip` with their sign changed."""
    blocks = dict(zip(theirs, np.split(weight, len(theirs), axis=-1), strict=True))
    return np.concatenate([-blocks[gate] if gate in flip else blocks[gate] for gate in ours], axis=-1)


def torch_rnn(w):
    return RNNParams(w["weight_ih_l0"].T, w["weight_hh_l0"].T, w["bias_ih_l0"] + w["bias_hh_l0"])


def torch_lstm(w):
    """Rows i, f, g, o; two biases."""
    return LSTMParams(w["weight_ih_l0"].T, w["weight_hh_l0"].T, w["bias_ih_l0"] + w["bias_hh_l0"])


def torch_gru(w):
    """Rows r, z, n; two biases, that of n in the recurrent part lies inside the reset; h' = (1 - z) n + z h."""
    gates = lambda weight: reorder(weight, "rzn", "rzn", flip="z")
    b_x, b_h = np.split(w["bias_ih_l0"], 3), np.split(w["bias_hh_l0"], 3)
    return GRUParams(
        w_x=gates(w["weight_ih_l0"].T),
        w_h=gates(w["weight_hh_l0"].T),
        b=gates(np.concatenate([b_x[0] + b_h[0], b_x[1] + b_h[1], b_x[2]])),
        b_hn=b_h[2],
    )


def flax_simple(w):
    return RNNParams(w["i/kernel"], w["h/kernel"], w["i/bias"])


def flax_lstm(w):
    """A dense layer for each gate; the bias is on the recurrent side."""
    join = lambda name: np.concatenate([w[name.format(gate)] for gate in "ifgo"], axis=-1)
    return LSTMParams(join("i{}/kernel"), join("h{}/kernel"), join("h{}/bias"))


def flax_gru(w):
    """Reset after; the biases are on the input side, and one inside the reset; h' = (1 - z) n + z h."""
    join = lambda name: reorder(np.concatenate([w[name.format(g)] for g in "rzn"], axis=-1), "rzn", "rzn", flip="z")
    return GRUParams(join("i{}/kernel"), join("h{}/kernel"), join("i{}/bias"), w["hn/bias"])


def haiku_vanilla(w):
    return RNNParams(
        w["vanilla_rnn/linear/w"],
        w["vanilla_rnn/linear_1/w"],
        w["vanilla_rnn/linear/b"] + w["vanilla_rnn/linear_1/b"],
    )


def haiku_lstm(w):
    """One matrix for [x, h], columns i, g, f, o, and 1 added to f at run time."""
    weight, bias = (reorder(w[f"lstm/linear/{name}"], "ifgo", "igfo") for name in "wb")
    size = len(bias) // 4
    bias[size : 2 * size] += 1
    return LSTMParams(weight[:-size], weight[-size:], bias)


def haiku_gru(w):
    """Reset before, columns z, r, n; h' = (1 - z) h + z n, as ours."""
    return GRUParams(*(reorder(w[f"gru/{name}"], "rzn", "zrn") for name in ("w_i", "w_h", "b")), None)


def keras_simple(w):
    return RNNParams(w["kernel"], w["recurrent_kernel"], w["bias"])


def keras_lstm(w):
    """Columns i, f, g, o, as ours."""
    return LSTMParams(w["kernel"], w["recurrent_kernel"], w["bias"])


def keras_gru_before(w):
    """Columns z, r, n; h' = z h + (1 - z) n."""
    return GRUParams(*(reorder(w[k], "rzn", "zrn", flip="z") for k in ("kernel", "recurrent_kernel", "bias")), None)


def keras_gru_after(w):
    """As before with two biases, that of n in the recurrent part inside the reset."""
    b_x, b_h = (reorder(b, "rzn", "zrn", flip="z") for b in w["bias"])
    size = len(b_x) // 3
    b_hn = b_h[2 * size :]
    b_h = np.concatenate([b_h[: 2 * size], np.zeros_like(b_hn)])
    return GRUParams(*(reorder(w[k], "rzn", "zrn", flip="z") for k in ("kernel", "recurrent_kernel")), b_x + b_h, b_hn)


class Twin(NamedTuple):
    """Our counterpart of a peer."""

    cell: Callable[[int], Cell]
    """hidden_size -> the cell."""
    params: Callable[[dict[str, np.ndarray]], tuple]


def gru_after(hidden_size):
    return GRU(hidden_size, reset="after")


def relu(hidden_size):
    return RNN(hidden_size, activation="relu")


TWINS = {
    "torch.RNN-tanh": Twin(RNN, torch_rnn),
    "torch.RNN-relu": Twin(relu, torch_rnn),
    "torch.LSTM": Twin(LSTM, torch_lstm),
    "torch.GRU": Twin(gru_after, torch_gru),
    "flax.SimpleCell": Twin(RNN, flax_simple),
    "flax.LSTMCell": Twin(LSTM, flax_lstm),
    "flax.OptimizedLSTMCell": Twin(LSTM, flax_lstm),
    "flax.GRUCell": Twin(gru_after, flax_gru),
    "haiku.VanillaRNN": Twin(relu, haiku_vanilla),
    "haiku.LSTM": Twin(LSTM, haiku_lstm),
    "haiku.GRU": Twin(GRU, haiku_gru),
    "keras.SimpleRNN": Twin(RNN, keras_simple),
    "keras.LSTM": Twin(LSTM, keras_lstm),
    "keras.GRU-before": Twin(GRU, keras_gru_before),
    "keras.GRU-after": Twin(gru_after, keras_gru_after),
}
"""By library and cell; the same keys as `tests.peers.libraries.PEERS` and the recorded vectors."""
