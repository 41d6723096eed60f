"""Cells as Flax nnx modules.

`RNN` is the layer to use, `Bidirectional` runs two from either end. `RNNCell` makes one step and serves where Flax or
your own code loops over time, inside `flax.nnx.RNN` for instance.

All hold one `nnx.Param` per field of the cell's parameters, under the field's own name; `recurrax.parameters` converts
between that tree and the cell's NamedTuple. The tree is the same in `recurrax.linen`.

Modules of cells that have randomness (dropout, noise) follow `flax.nnx.Dropout`: `train()`, `eval()` or `deterministic`
says whether they draw it, from the stream "dropout" of the `rngs` that they keep, or of those given to the call.
Modules of other cells keep parameters and nothing else.
"""

from recurrax._layer.drawing import as_drawn
from recurrax.nnx.bidirectional import Bidirectional
from recurrax.nnx.cell import RNNCell
from recurrax.nnx.rnn import RNN

__all__ = ["RNN", "Bidirectional", "RNNCell", "as_drawn"]
