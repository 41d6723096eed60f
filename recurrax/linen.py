"""Cells as Flax linen modules.

`RNN` is the layer to use. `RNNCell` makes one step and serves where Flax or your own code loops over time, inside
`flax.linen.RNN` and `flax.linen.Bidirectional` for instance.

Both hold one Flax parameter per field of the cell's parameters, under the field's own name; `recurrax.parameters`
converts between that tree and the cell's NamedTuple. The tree is the same in `recurrax.nnx`.

Cells that have randomness (dropout, noise) draw it from the rng stream "dropout" and behave deterministically where
that stream is not given.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Int

from recurrax import _layer as layer
from recurrax._util import checks
from recurrax.bidirectional import MERGES, merged
from recurrax.cell import Carry, Cell, Params
from recurrax.engine.executor import Executor
from recurrax.parameters import from_dict, parameter_shapes, to_dict

__all__ = ["RNN", "Bidirectional", "RNNCell"]


class RNN(nn.Module):
    """A recurrent layer: a cell run by `recurrax.unroll` over batch-major sequences.

    >>> import jax, jax.numpy as jnp, recurrax, recurrax.linen
    >>> layer = recurrax.linen.RNN(recurrax.LSTM(hidden_size=8))
    >>> inputs = jnp.ones((4, 20, 3))
    >>> variables = layer.init(jax.random.key(0), inputs)
    >>> layer.apply(variables, inputs, seq_lengths=jnp.array([20, 7, 0, 1])).shape
    (4, 20, 8)

    `Bidirectional` runs two of them, from either end.

    Attributes:
      cell: the cell.
      reverse: whether to begin at the last step.
      dtype: in which to compute; None promotes inputs and parameters.
      param_dtype: in which the parameters are held.
      executor: how `recurrax.unroll` executes the recurrence.
      truncate_every: after how many steps gradients are cut off; see `recurrax.unroll`.
    """

    cell: Cell
    reverse: bool = False
    dtype: Any = None
    param_dtype: Any = jnp.float32
    executor: str | Executor = "auto"
    truncate_every: int | tuple[int, int] | None = None

    def __post_init__(self):
        layer.check_fields(self.cell, self.dtype, self.param_dtype)
        super().__post_init__()

    @nn.compact
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

        Returns:
          The outputs `[*B, T, H]` in the compute dtype; with `return_carry` the final carry `[*B, ...]` before them.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape, dtype or value; the message names it.
        """
        carry, outputs = layer.run(
            self.cell,
            _parameters(self, inputs),
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
            key=_key(self),
        )
        return (carry, outputs) if return_carry else outputs


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
      dtype, param_dtype, executor, truncate_every: as in `RNN`.
    """

    cell: Cell
    backward_cell: Cell | None = None
    merge: str = "concat"
    dtype: Any = None
    param_dtype: Any = jnp.float32
    executor: str | Executor = "auto"
    truncate_every: int | tuple[int, int] | None = None

    def __post_init__(self):
        layer.check_fields(self.cell, self.dtype, self.param_dtype)
        checks.choice("merge", self.merge, MERGES)
        super().__post_init__()

    @nn.compact
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

        Returns:
          The joined outputs `[*B, T, ...]`; with `return_carry` the pair of final carries before them.

        Raises:
          TypeError, ValueError: as `RNN`.
        """
        mask = layer.existing(self.cell, inputs, seq_lengths, mask)
        options = {
            "dtype": self.dtype,
            "param_dtype": self.param_dtype,
            "executor": self.executor,
            "truncate_every": self.truncate_every,
        }
        runs = []
        for name, cell, carry, start in (
            ("forward", self.cell, initial_carries[0], resets),
            ("backward", self.backward_cell or self.cell, initial_carries[1], layer.backward_resets(resets, mask)),
        ):
            rnn = RNN(cell, reverse=name == "backward", name=name, **options)
            given = {"mask": mask, "resets": start, "initial_carry": carry, "first_step": first_step}
            runs.append(rnn(inputs, return_carry=True, **given))
        (forward, f), (backward, b) = runs
        outputs = merged(self.merge, f, b)
        return ((forward, backward), outputs) if return_carry else outputs


class RNNCell(nn.RNNCellBase):
    """One step of a cell, in the form that `flax.linen.RNN` takes.

    >>> import flax, jax, jax.numpy as jnp, recurrax, recurrax.linen
    >>> layer = flax.linen.RNN(recurrax.linen.RNNCell(recurrax.GRU(hidden_size=8)))
    >>> outputs, variables = layer.init_with_output(jax.random.key(0), jnp.ones((4, 20, 3)))
    >>> outputs.shape, sorted(variables["params"]["cell"])
    ((4, 20, 8), ['b', 'w_h', 'w_x'])

    A step knows nothing of the run that it belongs to: what a cell prepares once per run is prepared at every step, and
    randomness that it would hold over a run is drawn anew. `flax.linen.RNN` passes the stream "dropout" on to the steps
    only if asked to, by `split_rngs={"params": False, "dropout": True}`.

    Attributes:
      cell: the cell.
      dtype: in which to compute; None promotes inputs and parameters. The carry keeps the dtype that it has.
      param_dtype: in which the parameters are held.
    """

    cell: Cell
    dtype: Any = None
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        layer.check_fields(self.cell, self.dtype, self.param_dtype)
        super().__post_init__()

    @nn.compact
    def __call__(self, carry: Carry, inputs: Any) -> tuple[Carry, Any]:
        """Makes a step.

        Args:
          carry: the state `[*B, ...]`.
          inputs: x_t, `[*B, D]`.

        Returns:
          The new carry, and y_t `[*B, H]`.

        Raises:
          TypeError, ValueError: an argument has a wrong structure, shape or dtype; the message names it.
        """
        return layer.step(self.cell, _parameters(self, inputs), carry, inputs, dtype=self.dtype, key=_key(self))

    @nn.nowrap
    def initialize_carry(self, rng: jax.Array, input_shape: tuple[int, ...]) -> Carry:
        """Returns the cell's initial carry.

        Args:
          rng: draws the parameters on which the carry may depend, where the module has none yet.
          input_shape: shape of x_t, `[*B, D]`.
        """
        size = input_shape[-1]
        if self.scope is not None and "params" in self.variables:
            params = from_dict(self.cell, size, nn.meta.unbox(self.variables["params"]))
        else:
            params = layer.draw(self.cell, rng, size, self.param_dtype)
        return layer.initial_carry(self.cell, params, input_shape[: -self.num_feature_axes], self.dtype)

    @property
    def num_feature_axes(self) -> int:
        """How many axes of x_t are features."""
        return self.cell.input_ndim


def _parameters(module: RNN | RNNCell, inputs: Any) -> Params:
    """Returns the module's parameters as its cell takes them, drawn where Flax initialises the module."""
    cell, size = module.cell, layer.input_size(module.cell, inputs)
    names = to_dict(parameter_shapes(cell, size))
    drawn = None
    if module.has_rng("params") and module.is_mutable_collection("params"):
        # One draw for all fields, since a cell may let one of them depend on another.
        drawn = to_dict(layer.draw(cell, module.make_rng("params"), size, module.param_dtype))

    def initialise(key, name):
        if drawn is not None:
            return drawn[name]
        # Only traced: Flax compares the shapes of parameters that are there with the shapes of these.
        return jax.tree.map(lambda s: jnp.zeros(s.shape, module.param_dtype), names[name])

    return from_dict(cell, size, {name: module.param(name, initialise, name) for name in names})


def _key(module: RNN | RNNCell) -> jax.Array | None:
    return module.make_rng("dropout") if module.has_rng("dropout") else None
