"""What linen keeps for a module with a cell: its parameters, and its stream of randomness."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from recurrax._layer.apply import initial_carry, input_size
from recurrax._layer.drawing import Initializers, check_drawing, draw, draw_tree
from recurrax._layer.dtypes import cast, check_fields
from recurrax._layer.noise import draws_noise
from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params
from recurrax.parameters import from_dict, parameter_shapes, to_dict


class CellModule(nn.Module):
    """A module that holds the parameters of a cell.

    Attributes:
      cell, dtype, param_dtype, initializers, deterministic: as in `recurrax.linen.RNN`.
    """

    cell: Cell
    dtype: Any = None
    param_dtype: Any = jnp.float32
    initializers: Initializers = dataclasses.field(default_factory=dict)
    deterministic: bool | None = None

    def __post_init__(self):
        check_fields(self.cell, self.dtype, self.param_dtype)
        check_drawing(self.initializers)
        super().__post_init__()

    @nn.nowrap
    def initialize_carry(self, rng: jax.Array, input_shape: tuple[int, ...]) -> Carry:
        """Returns the cell's initial carry.

        Args:
          rng: draws the parameters on which the carry may depend, where the module has none yet.
          input_shape: shape of x_t, `[*B, D]`, without a time axis.
        """
        size = input_shape[-1]
        if self.scope is not None and "params" in self.variables:
            params = from_dict(self.cell, size, nn.meta.unbox(self.variables["params"]))
        else:
            params = draw(self.cell, rng, size, self.param_dtype)
        return initial_carry(self.cell, params, input_shape, self.dtype)

    @nn.nowrap
    def variables_of(self, params: Params, *, input_size: int | None = None) -> dict[str, Any]:
        """Returns the variables that hold given parameters, from `recurrax.interop.from_torch` for instance.

        Args:
          params: those of the cell.
          input_size: D, for cells whose parameters do not tell it.

        Returns:
          What `init` returns, with these in the place of drawn ones: in `param_dtype`, with the metadata of the
          initialisers.

        Raises:
          TypeError, ValueError: they are not the cell's; D is not known.
        """
        size = self.cell.input_size(params) if input_size is None else input_size
        if size is None:
            raise ValueError(f"input_size must be given for {self.cell!r}, whose parameters do not tell it.")
        checks.fits("params", params, parameter_shapes(self.cell, size), repr(self.cell))
        boxes = jax.eval_shape(lambda: self._draw(jax.random.key(0), size))
        leaves = jax.tree.leaves(cast(to_dict(params), self.param_dtype))
        return {"params": jax.tree.unflatten(jax.tree.structure(boxes), leaves)}

    @nn.nowrap
    def _draw(self, key: jax.Array, size: int) -> dict[str, Any]:
        return draw_tree(self.cell, key, size, self.param_dtype, self.initializers)

    @nn.nowrap
    def _params(self, inputs: Any) -> Params:
        """Returns the parameters as the cell takes them, drawn where Flax initialises the module."""
        size = input_size(self.cell, inputs)
        names = to_dict(parameter_shapes(self.cell, size))
        drawn = None
        if self.has_rng("params") and self.is_mutable_collection("params"):
            # One draw for all fields, since a cell may let one of them depend on another.
            drawn = self._draw(self.make_rng("params"), size)

        def initialise(key, name):
            if drawn is not None:
                return drawn[name]
            # Only traced: Flax compares the shapes of parameters that are there with the shapes of these.
            return jax.tree.map(lambda s: jnp.zeros(s.shape, self.param_dtype), names[name])

        return from_dict(self.cell, size, {name: self.param(name, initialise, name) for name in names})

    @nn.nowrap
    def _noise_key(self, inputs: Any, deterministic: bool | None) -> jax.Array | None:
        """Returns the key of a run, as `flax.linen.Dropout` would take it; None without noise."""
        if not draws_noise(self.cell, input_size(self.cell, inputs)):
            return None
        if nn.merge_param("deterministic", self.deterministic, deterministic):
            return None
        return self.make_rng("dropout")
