"""A recurrent layer as an nnx module."""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Int

from recurrax._layer.apply import apply
from recurrax._layer.drawing import Initializers
from recurrax.cell import Carry, Cell
from recurrax.engine.executor import Executor
from recurrax.nnx._module import CellModule, Randomness


class RNN(CellModule):
    """A recurrent layer: a cell run by `recurrax.unroll` over batch-major sequences.

    >>> import jax.numpy as jnp, recurrax, recurrax.nnx
    >>> from flax import nnx
    >>> layer = recurrax.nnx.RNN(recurrax.LSTM(hidden_size=8), in_features=3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((4, 20, 3)), seq_lengths=jnp.array([20, 7, 0, 1])).shape
    (4, 20, 8)

    `Bidirectional` runs two of them, from either end.

    Args:
      cell: the cell.
      in_features: D.
      reverse: whether to begin at the last step.
      keep_order: whether outputs of a reversed run stand in the order of the inputs, which Flax's own layers do only if
        asked to; otherwise in that of the run, padding by `seq_lengths` at the end.
      time_major: whether inputs and outputs, mask and resets have the time axis first, before the batch axes.
      dtype: in which to compute; None promotes inputs and parameters.
      param_dtype: in which the parameters are held.
      initializers: by parameter ("w_x", or "inner/w_x"), what draws it in place of the cell: a function
        `(key, shape, dtype)`, as those of `flax.nnx.initializers`. It sees all gates as one array; the fields of a cell
        draw each on its own. `flax.nnx.with_partitioning` may be around it, or around `as_drawn`.
      deterministic: whether cells with noise leave it out; `train()` and `eval()` set it.
      executor: how `recurrax.unroll` executes the recurrence.
      truncate_every: after how many steps gradients are cut off; see `recurrax.unroll`.
      rngs: its stream "params" draws the parameters; for a cell with noise the module keeps a fork of "dropout".
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        *,
        reverse: bool = False,
        keep_order: bool = True,
        time_major: bool = False,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        initializers: Initializers | None = None,
        deterministic: bool | None = False,
        executor: str | Executor = "auto",
        truncate_every: int | tuple[int, int] | None = None,
        rngs: nnx.Rngs,
    ):
        self.reverse = reverse
        self.keep_order = keep_order
        self.time_major = time_major
        self.executor = executor
        self.truncate_every = truncate_every
        super().__init__(cell, in_features, dtype, param_dtype, initializers, deterministic, rngs)

    def __call__(
        self,
        inputs: Any,
        *,
        seq_lengths: Int[Array, "*B"] | None = None,
        mask: Bool[Array, "*B T"] | None = None,
        resets: Bool[Array, "*B T"] | None = None,
        initial_carry: Carry | None = None,
        first_step: int | Int[Array, ""] = 0,
        return_carry: bool = False,
        deterministic: bool | None = None,
        rngs: Randomness = None,
    ) -> Any:
        """Runs the cell.

        Args:
          inputs: `[*B, T, D]`, any number of batch axes; or a pytree whose leaves share `[*B, T]`.
          seq_lengths: the length of each sequence, whose padding lies on the right.
          mask: where False the step does not exist: the carry is held, the output is zero, and NaN in the inputs
            touches nothing. Where `seq_lengths` is given too, a step has to satisfy both.
          resets: where True the state becomes the cell's own initial carry before the step.
          initial_carry: the state to start from; default the cell's own.
          first_step: number of the first step, for a run in pieces that is to have the noise of one; with `rngs` a key.
          return_carry: whether to return the final carry as well.
          deterministic: whether cells with noise leave it out; default what the module says.
          rngs: randomness for cells with noise, a key for one; default what the module keeps.

        Returns:
          The outputs `[*B, T, H]` in the compute dtype; with `return_carry` a named tuple of the final carry
          `[*B, ...]` and the outputs.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape, dtype or value; the message names it.
        """
        result = apply(
            self,
            self._params(),
            inputs,
            seq_lengths=seq_lengths,
            mask=mask,
            resets=resets,
            initial_carry=initial_carry,
            first_step=first_step,
            key=self._noise_key(deterministic, rngs),
        )
        return result if return_carry else result.outputs
