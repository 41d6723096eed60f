"""Oracles of the cells that wrappers are tested around."""

from recurrax import GRU, LSTM, RNN
from recurrax.cells.lru import LRU
from recurrax.cells.peephole_lstm import PeepholeLSTM
from tests.cells import test_gru, test_lru, test_lstm, test_peephole_lstm, test_rnn

MODULES = {GRU: test_gru, LSTM: test_lstm, RNN: test_rnn, LRU: test_lru, PeepholeLSTM: test_peephole_lstm}


def oracle_step(cell, params, carry, x):
    """Returns s_t and y_t of a plain cell."""
    return MODULES[type(cell)].oracle_step(cell, params, carry, x)


def oracle_gates(cell, params, carry, x):
    """Returns the gates of a plain cell."""
    return MODULES[type(cell)].oracle_gates(cell, params, carry, x)
