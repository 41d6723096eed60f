"""recurrax: recurrent cells as pure functions, and what gradients do in them."""

from recurrax import gradflow, initializers
from recurrax.bidirectional import bidirectional
from recurrax.catalogue import make_cell, make_task
from recurrax.cell import Cell, dot
from recurrax.cells.gru import GRU
from recurrax.cells.lstm import LSTM
from recurrax.cells.rnn import RNN
from recurrax.engine.associative import Associative
from recurrax.engine.choice import Checkpointed
from recurrax.engine.executor import Executor
from recurrax.engine.fused import Fused
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.newton import Newton
from recurrax.engine.scan import Scan
from recurrax.from_step import from_step
from recurrax.padding import length_mask, pad_sequences
from recurrax.unroll import convergence, explain, unroll
from recurrax.wrappers.stack import Stack

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Associative",
    "Cell",
    "Checkpointed",
    "Executor",
    "Fused",
    "Kernel",
    "Newton",
    "Scan",
    "Stack",
    "bidirectional",
    "convergence",
    "dot",
    "explain",
    "from_step",
    "gradflow",
    "initializers",
    "length_mask",
    "make_cell",
    "make_task",
    "pad_sequences",
    "unroll",
]
