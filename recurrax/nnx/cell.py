"""One step of a cell as an nnx module."""

from typing import Any

import jax.numpy as jnp
from flax import nnx

from recurrax._layer.apply import step
from recurrax._layer.drawing import Initializers
from recurrax.cell import Carry, Cell
from recurrax.nnx._module import CellModule, Randomness


class RNNCell(CellModule, nnx.RNNCellBase):
    """One step of a cell, in the form that `flax.nnx.RNN` takes.

    >>> import jax.numpy as jnp, recurrax, recurrax.nnx
    >>> from flax import nnx
    >>> cell = recurrax.nnx.RNNCell(recurrax.GRU(hidden_size=8), in_features=3, rngs=nnx.Rngs(0))
    >>> nnx.RNN(cell, rngs=False)(jnp.ones((4, 20, 3))).shape
    (4, 20, 8)

    A step knows nothing of the run that it belongs to: what a cell prepares once per run is prepared at every step, and
    randomness that it would hold over a run is drawn anew. `flax.nnx.RNN` passes no `rngs` on to the steps, which draw
    noise from those that the cell keeps. By default it has some of its own for cells that draw their initial carry;
    `rngs=False` leaves them out, and with them the `TraceContextError` that they cause under `jax.grad` of a merged
    module.

    Args:
      cell: the cell.
      in_features: D.
      dtype: in which to compute; None promotes inputs and parameters. The carry keeps the dtype that it has.
      param_dtype: in which the parameters are held.
      initializers: as in `RNN`.
      deterministic: as in `RNN`.
      rngs: as in `RNN`.
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        *,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        initializers: Initializers | None = None,
        deterministic: bool | None = False,
        rngs: nnx.Rngs,
    ):
        super().__init__(cell, in_features, dtype, param_dtype, initializers, deterministic, rngs)

    def __call__(
        self, carry: Carry, inputs: Any, *, deterministic: bool | None = None, rngs: Randomness = None
    ) -> tuple[Carry, Any]:
        """Makes a step.

        Args:
          carry: the state `[*B, ...]`.
          inputs: x_t, `[*B, D]`.
          deterministic: as in `RNN`.
          rngs: as in `RNN`.

        Returns:
          The new carry, and y_t `[*B, H]`.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
        """
        key = self._noise_key(deterministic, rngs)
        return step(self.cell, self._params(), carry, inputs, dtype=self.dtype, key=key)

    @property
    def num_feature_axes(self) -> int:
        """How many axes of x_t are features."""
        return self.cell.input_ndim
