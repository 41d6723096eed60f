"""Cells as Flax nnx modules.

`RNN` is the layer to use. `RNNCell` makes one step and serves where Flax or your own code loops over time, inside
`flax.nnx.RNN` and `flax.nnx.Bidirectional` for instance.

Both hold one `nnx.Param` per field of the cell's parameters, under the field's own name; `recurrax.parameters`
converts between that tree and the cell's NamedTuple. The tree is the same in `recurrax.linen`.

The modules keep no `Rngs`. Cells that have randomness (dropout, noise) draw it from the stream "dropout" of the `rngs`
given to a call, and behave deterministically where none are given.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Int

from recurrax import _layer as layer
from recurrax._util import checks
from recurrax.bidirectional import MERGES, merged
from recurrax.cell import Carry, Cell, Params
from recurrax.engine.executor import Executor
from recurrax.parameters import from_dict, parameter_shapes, to_dict

__all__ = ["RNN", "Bidirectional", "RNNCell"]


class RNN(nnx.Module):
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
      dtype: in which to compute; None promotes inputs and parameters.
      param_dtype: in which the parameters are held.
      executor: how `recurrax.unroll` executes the recurrence.
      truncate_every: after how many steps gradients are cut off; see `recurrax.unroll`.
      rngs: its stream "params" draws the parameters.
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        *,
        reverse: bool = False,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        executor: str | Executor = "auto",
        truncate_every: int | tuple[int, int] | None = None,
        rngs: nnx.Rngs,
    ):
        layer.check_fields(cell, dtype, param_dtype)
        self.cell = cell
        self.in_features = in_features
        self.reverse = reverse
        self.dtype = dtype
        self.param_dtype = param_dtype
        self.executor = executor
        self.truncate_every = truncate_every
        _draw(self, rngs)

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
        rngs: nnx.Rngs | None = None,
    ) -> Any:
        """Runs the cell.

        Args:
          inputs: `[*B, T, D]`, any number of batch axes; or a pytree whose leaves share `[*B, T]`.
          seq_lengths: the length of each sequence, whose padding lies on the right.
          mask: where False the step does not exist: the carry is held, the output is zero, and NaN in the inputs
            touches nothing. Where `seq_lengths` is given too, a step has to satisfy both.
          resets: where True the state becomes the cell's own initial carry before the step.
          initial_carry: the state to start from; default the cell's own.
          first_step: the number of the first step, for randomness; see `recurrax.unroll`.
          return_carry: whether to return the final carry as well.
          rngs: randomness for cells that have some; None: they behave deterministically.

        Returns:
          The outputs `[*B, T, H]` in the compute dtype; with `return_carry` the final carry `[*B, ...]` before them.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape, dtype or value; the message names it.
        """
        carry, outputs = layer.run(
            self.cell,
            _parameters(self),
            inputs,
            dtype=self.dtype,
            reverse=self.reverse,
            executor=self.executor,
            truncate_every=self.truncate_every,
            seq_lengths=seq_lengths,
            mask=mask,
            resets=resets,
            initial_carry=initial_carry,
            first_step=first_step,
            key=_key(rngs),
        )
        return (carry, outputs) if return_carry else outputs


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
      dtype: as in `RNN`.
      param_dtype: as in `RNN`.
      executor: as in `RNN`.
      truncate_every: as in `RNN`.
      rngs: its stream "params" draws the parameters.
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        *,
        backward_cell: Cell | None = None,
        merge: str = "concat",
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        executor: str | Executor = "auto",
        truncate_every: int | tuple[int, int] | None = None,
        rngs: nnx.Rngs,
    ):
        checks.choice("merge", merge, MERGES)
        options = {"dtype": dtype, "param_dtype": param_dtype, "executor": executor, "truncate_every": truncate_every}
        self.merge = merge
        self.forward = RNN(cell, in_features, rngs=rngs, **options)
        self.backward = RNN(backward_cell or cell, in_features, reverse=True, rngs=rngs, **options)

    def __call__(
        self,
        inputs: Any,
        *,
        seq_lengths: Int[Array, "*B"] | None = None,
        mask: Bool[Array, "*B T"] | None = None,
        resets: Bool[Array, "*B T"] | None = None,
        initial_carries: tuple[Carry | None, Carry | None] = (None, None),
        first_step: int | Int[Array, ""] = 0,
        return_carry: bool = False,
        rngs: nnx.Rngs | None = None,
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
          rngs: as in `RNN`.

        Returns:
          The joined outputs `[*B, T, ...]`; with `return_carry` the pair of final carries before them.

        Raises:
          TypeError, ValueError: as `RNN`.
        """
        mask = layer.existing(self.forward.cell, inputs, seq_lengths, mask)
        runs = []
        for n, (rnn, start) in enumerate(
            ((self.forward, resets), (self.backward, layer.backward_resets(resets, mask)))
        ):
            given = {"mask": mask, "resets": start, "initial_carry": initial_carries[n], "rngs": rngs}
            given["first_step"] = first_step
            runs.append(rnn(inputs, return_carry=True, **given))
        (forward, f), (backward, b) = runs
        outputs = merged(self.merge, f, b)
        return ((forward, backward), outputs) if return_carry else outputs


class RNNCell(nnx.RNNCellBase):
    """One step of a cell, in the form that `flax.nnx.RNN` takes.

    >>> import jax.numpy as jnp, recurrax, recurrax.nnx
    >>> from flax import nnx
    >>> cell = recurrax.nnx.RNNCell(recurrax.GRU(hidden_size=8), in_features=3, rngs=nnx.Rngs(0))
    >>> nnx.RNN(cell, rngs=False)(jnp.ones((4, 20, 3))).shape
    (4, 20, 8)

    A step knows nothing of the run that it belongs to: what a cell prepares once per run is prepared at every step, and
    randomness that it would hold over a run is drawn anew. `flax.nnx.RNN` passes no `rngs` on to the steps. By default
    it keeps some of its own for cells that draw their initial carry; `rngs=False` leaves them out, and with them the
    `TraceContextError` that they cause under `jax.grad` of a merged module.

    Args:
      cell: the cell.
      in_features: D.
      dtype: in which to compute; None promotes inputs and parameters. The carry keeps the dtype that it has.
      param_dtype: in which the parameters are held.
      rngs: its stream "params" draws the parameters.
    """

    def __init__(
        self, cell: Cell, in_features: int, *, dtype: Any = None, param_dtype: Any = jnp.float32, rngs: nnx.Rngs
    ):
        layer.check_fields(cell, dtype, param_dtype)
        self.cell = cell
        self.in_features = in_features
        self.dtype = dtype
        self.param_dtype = param_dtype
        _draw(self, rngs)

    def __call__(self, carry: Carry, inputs: Any, *, rngs: nnx.Rngs | None = None) -> tuple[Carry, Any]:
        """Makes a step.

        Args:
          carry: the state `[*B, ...]`.
          inputs: x_t, `[*B, D]`.
          rngs: randomness for cells that have some; None: they behave deterministically.

        Returns:
          The new carry, and y_t `[*B, H]`.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
        """
        return layer.step(self.cell, _parameters(self), carry, inputs, dtype=self.dtype, key=_key(rngs))

    def initialize_carry(self, input_shape: tuple[int, ...], rngs: Any = None) -> Carry:
        """Returns the cell's initial carry.

        Args:
          input_shape: shape of x_t, `[*B, D]`.
          rngs: not needed; the carry follows from the parameters.
        """
        del rngs
        return layer.initial_carry(self.cell, _parameters(self), input_shape[: -self.num_feature_axes], self.dtype)

    @property
    def num_feature_axes(self) -> int:
        """How many axes of x_t are features."""
        return self.cell.input_ndim


def _draw(module: RNN | RNNCell, rngs: nnx.Rngs) -> None:
    """Draws the parameters and gives the module one Param for each field."""
    checks.positive_int("in_features", module.in_features)
    params = layer.draw(module.cell, rngs.params(), module.in_features, module.param_dtype)
    for name, value in to_dict(params).items():
        if hasattr(module, name):
            raise ValueError(f"{module.cell!r} has a parameter {name!r}, but so is called an attribute of the layer.")
        setattr(module, name, nnx.data(jax.tree.map(nnx.Param, value)))


def _parameters(module: RNN | RNNCell) -> Params:
    """Returns the module's parameters as its cell takes them."""
    names = to_dict(parameter_shapes(module.cell, module.in_features))
    tree = {name: getattr(module, name) for name in names}
    values = jax.tree.map(lambda p: p.get_value(), tree, is_leaf=lambda node: isinstance(node, nnx.Variable))
    return from_dict(module.cell, module.in_features, values)


def _key(rngs: nnx.Rngs | None) -> jax.Array | None:
    return None if rngs is None else rngs.dropout()
