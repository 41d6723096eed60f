"""Two recurrent layers, from either end, as a linen module."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Int

from recurrax._layer.both_ways import BothWays, apply_both_ways, check_merge, check_pair
from recurrax._layer.drawing import Initializers, check_drawing
from recurrax._layer.dtypes import check_fields
from recurrax.cell import Carry, Cell, Params
from recurrax.engine.executor import Executor
from recurrax.linen.rnn import RNN


class Bidirectional(nn.Module):
    """Two layers over one sequence, from either end, whose outputs are joined; see `recurrax.bidirectional`.

    >>> import jax, jax.numpy as jnp, recurrax, recurrax.linen
    >>> layer = recurrax.linen.Bidirectional(recurrax.LSTM(hidden_size=8))
    >>> inputs = jnp.ones((4, 20, 3))
    >>> variables = layer.init(jax.random.key(0), inputs)
    >>> layer.apply(variables, inputs, seq_lengths=jnp.array([20, 7, 0, 1])).shape
    (4, 20, 16)
    >>> sorted(variables["params"])
    ['backward', 'forward']

    Attributes:
      cell: the cell of the forward direction.
      backward_cell: that of the backward direction; None for the same.
      merge: "concat", "sum", "mean", "product" or "pair".
      time_major, dtype, param_dtype, initializers, deterministic, executor, truncate_every: as in `RNN`, for both.
    """

    cell: Cell
    backward_cell: Cell | None = None
    merge: str = "concat"
    time_major: bool = False
    dtype: Any = None
    param_dtype: Any = jnp.float32
    initializers: Initializers = dataclasses.field(default_factory=dict)
    deterministic: bool | None = None
    executor: str | Executor = "auto"
    truncate_every: int | tuple[int, int] | None = None

    def __post_init__(self):
        for cell in (self.cell, self.backward_cell or self.cell):
            check_fields(cell, self.dtype, self.param_dtype)
        check_drawing(self.initializers)
        check_merge(self.merge)
        super().__post_init__()

    def setup(self):
        self.forward, self.backward = self._layers()

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

        Returns:
          The joined outputs `[*B, T, ...]`; with `return_carry` a named tuple of the pair of final carries and the
          outputs.

        Raises:
          TypeError, ValueError: as `RNN`.
        """
        result = apply_both_ways(
            (self.forward, self.backward),
            self.cell,
            inputs,
            merge=self.merge,
            time_major=self.time_major,
            seq_lengths=seq_lengths,
            mask=mask,
            resets=resets,
            initial_carries=initial_carries,
            first_step=(first_step, first_step),
            deterministic=(deterministic, deterministic),
        )
        return result if return_carry else result.outputs

    @nn.nowrap
    def initialize_carry(self, rng: jax.Array, input_shape: tuple[int, ...]) -> BothWays:
        """Returns the initial carries of both cells; arguments as in `RNN`."""
        layers = self._layers(parent=None) if self.scope is None else (self.forward, self.backward)
        return BothWays(*(layer.initialize_carry(rng, input_shape) for layer in layers))

    @nn.nowrap
    def variables_of(self, params: tuple[Params, Params], *, input_size: int | None = None) -> dict[str, Any]:
        """Returns the variables that hold given parameters, forward and backward; else as in `RNN`."""
        check_pair("params", params)
        pairs = zip(("forward", "backward"), self._layers(parent=None), params, strict=True)
        trees = {name: layer.variables_of(own, input_size=input_size) for name, layer, own in pairs}
        return {"params": {name: tree["params"] for name, tree in trees.items()}}

    @nn.nowrap
    def _layers(self, **options: Any) -> tuple[RNN, RNN]:
        """Returns the two layers; within `setup`, Flax makes them this module's own."""
        options |= {
            "time_major": self.time_major,
            "dtype": self.dtype,
            "param_dtype": self.param_dtype,
            "initializers": self.initializers,
            "deterministic": self.deterministic,
            "executor": self.executor,
            "truncate_every": self.truncate_every,
        }
        backward = self.backward_cell or self.cell
        return RNN(self.cell, **options), RNN(backward, reverse=True, **options)
