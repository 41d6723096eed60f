"""Two recurrent layers, from either end, as an nnx module."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Int

from recurrax._layer.both_ways import BothWays, apply_both_ways, check_merge, check_pair
from recurrax._layer.drawing import Initializers
from recurrax.cell import Carry, Cell, Params, layer_key
from recurrax.engine.executor import Executor
from recurrax.nnx._module import Randomness
from recurrax.nnx.rnn import RNN


class Bidirectional(nnx.Module):
    """Two layers over one sequence, from either end, whose outputs are joined; see `recurrax.bidirectional`.

    >>> import jax.numpy as jnp, recurrax, recurrax.nnx
    >>> from flax import nnx
    >>> layer = recurrax.nnx.Bidirectional(recurrax.LSTM(hidden_size=8), in_features=3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((4, 20, 3)), seq_lengths=jnp.array([20, 7, 0, 1])).shape
    (4, 20, 16)

    Args:
      cell: the cell of the forward direction.
      in_features: D.
      backward_cell: that of the backward direction; None for the same.
      merge: "concat", "sum", "mean", "product" or "pair".
      time_major: as in `RNN`.
      dtype: as in `RNN`.
      param_dtype: as in `RNN`.
      initializers: as in `RNN`, for both directions.
      deterministic: as in `RNN`.
      executor: as in `RNN`.
      truncate_every: as in `RNN`.
      rngs: as in `RNN`.
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        *,
        backward_cell: Cell | None = None,
        merge: str = "concat",
        time_major: bool = False,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        initializers: Initializers | None = None,
        deterministic: bool | None = False,
        executor: str | Executor = "auto",
        truncate_every: int | tuple[int, int] | None = None,
        rngs: nnx.Rngs,
    ):
        check_merge(merge)
        options = {
            "time_major": time_major,
            "dtype": dtype,
            "param_dtype": param_dtype,
            "initializers": initializers,
            "deterministic": deterministic,
            "executor": executor,
            "truncate_every": truncate_every,
            "rngs": rngs,
        }
        self.merge = merge
        self.forward = RNN(cell, in_features, **options)
        self.backward = RNN(backward_cell or cell, in_features, reverse=True, **options)

    def __call__(
        self,
        inputs: Any,
        *,
        seq_lengths: Int[Array, "*B"] | None = None,
        mask: Bool[Array, "*B T"] | None = None,
        resets: Bool[Array, "*B T"] | None = None,
        initial_carries: tuple[Carry | None, Carry | None] | None = None,
        first_step: int | Int[Array, ""] = 0,
        return_carry: bool = False,
        deterministic: bool | None = None,
        rngs: Randomness = None,
    ) -> Any:
        """Runs both cells.

        Args:
          inputs: as in `RNN`.
          seq_lengths: as in `RNN`; the backward direction begins at the last step that exists.
          mask: as in `RNN`.
          resets: where True a new sequence begins.
          initial_carries: the states to start from, forward and backward; default each cell's own.
          first_step: as in `RNN`.
          return_carry: whether to return the two final carries as well.
          deterministic: as in `RNN`.
          rngs: as in `RNN`; each direction has noise of its own.

        Returns:
          The joined outputs `[*B, T, ...]`; with `return_carry` a named tuple of the pair of final carries and the
          outputs.

        Raises:
          TypeError, ValueError: as `RNN`.
        """
        own = tuple(layer_key(rngs, n) for n in (0, 1)) if isinstance(rngs, jax.Array) else (rngs, rngs)
        result = apply_both_ways(
            (self.forward, self.backward),
            self.forward.cell,
            inputs,
            merge=self.merge,
            time_major=self.forward.time_major,
            seq_lengths=seq_lengths,
            mask=mask,
            resets=resets,
            initial_carries=initial_carries,
            first_step=(first_step, first_step),
            deterministic=(deterministic, deterministic),
            rngs=own,
        )
        return result if return_carry else result.outputs

    def initialize_carry(self, input_shape: tuple[int, ...], rngs: Any = None) -> BothWays:
        """Returns the initial carries of both cells; arguments as in `RNN`."""
        return BothWays(*(layer.initialize_carry(input_shape, rngs) for layer in (self.forward, self.backward)))

    def set_params(self, params: tuple[Params, Params]) -> None:
        """Puts given parameters in the place of its own, forward and backward; see `RNN`.

        Raises:
          TypeError: `params` is no pair.
        """
        check_pair("params", params)
        for layer, own in zip((self.forward, self.backward), params, strict=True):
            layer.set_params(own)
