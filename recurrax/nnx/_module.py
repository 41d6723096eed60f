"""What an nnx module with a cell keeps: its parameters, and its stream of randomness."""

from typing import Any

import jax
from flax import nnx
from jax.core import Tracer

from recurrax._layer.apply import initial_carry
from recurrax._layer.drawing import Initializers, check_drawing, draw_tree
from recurrax._layer.dtypes import cast, check_fields
from recurrax._layer.noise import draws_noise
from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params
from recurrax.parameters import from_dict, parameter_shapes, to_dict

Randomness = nnx.Rngs | nnx.RngStream | jax.Array | None
"""Where a call may take its noise from."""


class CellModule(nnx.Module):
    """A module that holds a Param for each parameter of a cell, and a stream if the cell draws noise.

    Args:
      cell, in_features, dtype, param_dtype, initializers, deterministic, rngs: as in `recurrax.nnx.RNN`.
    """

    cell: Cell
    in_features: int
    dtype: Any
    param_dtype: Any
    deterministic: bool | None

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        dtype: Any,
        param_dtype: Any,
        initializers: Initializers | None,
        deterministic: bool | None,
        rngs: nnx.Rngs,
    ):
        check_fields(cell, dtype, param_dtype)
        checks.positive_int("in_features", in_features)
        initializers = {} if initializers is None else initializers
        check_drawing(initializers)
        if not isinstance(rngs, nnx.Rngs):
            raise TypeError(f"rngs must be flax.nnx.Rngs, e.g. nnx.Rngs(0), got {checks.brief(rngs)}.")
        self.cell = cell
        self.in_features = in_features
        self.dtype = dtype
        self.param_dtype = param_dtype
        self.deterministic = deterministic
        tree = draw_tree(cell, rngs.params(), in_features, param_dtype, initializers)
        self.rngs = nnx.data(_kept(rngs) if draws_noise(cell, in_features) else None)
        for name, value in tree.items():
            if hasattr(self, name):
                raise ValueError(
                    f"cell must have no parameter named {name!r}, which is an attribute of the layer; rename that of "
                    f"{cell!r}."
                )
            setattr(self, name, nnx.data(jax.tree.map(nnx.Param, value)))

    def initialize_carry(self, input_shape: tuple[int, ...], rngs: Any = None) -> Carry:
        """Returns the cell's initial carry.

        Args:
          input_shape: shape of x_t, `[*B, D]`, without a time axis.
          rngs: not needed; the carry follows from the parameters.
        """
        del rngs
        return initial_carry(self.cell, self._params(), input_shape, self.dtype)

    def set_params(self, params: Params) -> None:
        """Puts given parameters in the place of its own, from `recurrax.interop.from_torch` for instance.

        Args:
          params: those of the cell; they are cast to `param_dtype`, and go where the old ones are.

        Raises:
          TypeError, ValueError: they are not the cell's.
        """
        checks.fits("params", params, parameter_shapes(self.cell, self.in_features), repr(self.cell))

        def placed(new: jax.Array, old: Any) -> jax.Array:
            concrete = isinstance(old, jax.Array) and not isinstance(old, Tracer)
            return jax.device_put(new, old.sharding) if concrete and old.committed else new

        nnx.update(self, to_dict(jax.tree.map(placed, cast(params, self.param_dtype), self._params())))

    def set_view(self, deterministic: bool | None = None) -> None:
        """Called by `nnx.view`.

        Args:
          deterministic: whether cells with noise leave it out.
        """
        if deterministic is not None:
            self.deterministic = deterministic

    def _params(self) -> Params:
        """Returns the parameters as the cell takes them."""
        names = to_dict(parameter_shapes(self.cell, self.in_features))
        tree = {name: getattr(self, name) for name in names}
        values = jax.tree.map(lambda p: p.get_value(), tree, is_leaf=lambda node: isinstance(node, nnx.Variable))
        return from_dict(self.cell, self.in_features, values)

    def _noise_key(self, deterministic: bool | None, rngs: Randomness) -> jax.Array | None:
        """Returns the key of a run, as `flax.nnx.Dropout` would take it; None without noise."""
        if not draws_noise(self.cell, self.in_features):
            return None
        given = self.deterministic if deterministic is None else deterministic
        if given is None:
            raise ValueError(
                f"deterministic must be given to the module or to the call, since {self.cell!r} has noise; train() and "
                "eval() set that of the module."
            )
        if given:
            return None
        rngs = self.rngs if rngs is None else rngs
        if rngs is None:
            raise ValueError(
                f'rngs must be given to the module, with a stream "dropout", or to the call: {self.cell!r} draws noise '
                "from it. Or leave noise out by eval() or deterministic=True."
            )
        if isinstance(rngs, nnx.Rngs):
            return rngs.dropout()
        return rngs() if isinstance(rngs, nnx.RngStream) else rngs


def _kept(rngs: nnx.Rngs) -> nnx.RngStream | None:
    """Returns a stream of the module's own, if there is one to take it from."""
    return rngs.dropout.fork() if "dropout" in rngs or "default" in rngs else None
