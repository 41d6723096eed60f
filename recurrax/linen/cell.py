"""One step of a cell as a linen module."""

from typing import Any

from flax import linen as nn
from flax.errors import InvalidRngError

from recurrax._layer.apply import step
from recurrax.cell import Carry
from recurrax.linen._module import CellModule


class RNNCell(CellModule, nn.RNNCellBase):
    """One step of a cell, in the form that `flax.linen.RNN` takes.

    >>> import flax, jax, jax.numpy as jnp, recurrax, recurrax.linen
    >>> layer = flax.linen.RNN(recurrax.linen.RNNCell(recurrax.GRU(hidden_size=8)))
    >>> outputs, variables = layer.init_with_output(jax.random.key(0), jnp.ones((4, 20, 3)))
    >>> outputs.shape, sorted(variables["params"]["cell"])
    ((4, 20, 8), ['b', 'w_h', 'w_x'])

    A step knows nothing of the run that it belongs to: what a cell prepares once per run is prepared at every step, and
    randomness that it would hold over a run is drawn anew. `flax.linen.RNN` passes the stream "dropout" on to the steps
    only if asked to, by `split_rngs={"params": False, "dropout": True}`; without, a cell with noise is refused.

    Attributes:
      cell: the cell.
      dtype: in which to compute; None promotes inputs and parameters. The carry keeps the dtype that it has.
      param_dtype: in which the parameters are held.
      initializers: as in `RNN`.
      deterministic: as in `RNN`; `flax.linen.RNN` passes none to the steps, so that it has to be said here.
    """

    @nn.compact
    def __call__(self, carry: Carry, inputs: Any, deterministic: bool | None = None) -> tuple[Carry, Any]:
        """Makes a step.

        Args:
          carry: the state `[*B, ...]`.
          inputs: x_t, `[*B, D]`.
          deterministic: as in `RNN`.

        Returns:
          The new carry, and y_t `[*B, H]`.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
          flax.errors.InvalidRngError: the cell has noise and there is no stream "dropout".
        """
        params = self._params(inputs)
        try:
            key = self._noise_key(inputs, deterministic)
        except InvalidRngError as error:
            raise InvalidRngError(
                f"{error}, from which {self.cell!r} draws noise. flax.linen.RNN passes it on to the steps by "
                'split_rngs={"params": False, "dropout": True}; or set deterministic=True.'
            ) from None
        return step(self.cell, params, carry, inputs, dtype=self.dtype, key=key)

    @property
    def num_feature_axes(self) -> int:
        """How many axes of x_t are features."""
        return self.cell.input_ndim
