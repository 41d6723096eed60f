"""Cells as Flax linen modules.

`RNN` is the layer to use, `Bidirectional` runs two from either end. `RNNCell` makes one step and serves where Flax or
your own code loops over time, inside `flax.linen.RNN` for instance.

All hold one Flax parameter per field of the cell's parameters, under the field's own name; `recurrax.parameters`
converts between that tree and the cell's NamedTuple. The tree is the same in `recurrax.nnx`.

Cells that have randomness (dropout, noise) follow `flax.linen.Dropout`: they draw it from the rng stream "dropout",
unless `deterministic`, which has to be said in the module or in the call. Other cells ask for neither.
"""

from recurrax._layer.drawing import as_drawn
from recurrax.linen.bidirectional import Bidirectional
from recurrax.linen.cell import RNNCell
from recurrax.linen.rnn import RNN

__all__ = ["RNN", "Bidirectional", "RNNCell", "as_drawn"]
