"""The base of wrappers: a cell around a cell, which hands everything on that it does not change."""

import dataclasses
from typing import Any

import jax

from recurrax._util import checks
from recurrax.cell import Cell, check_cell, dot, features_of


def two_keys(key: jax.Array | None) -> tuple[jax.Array | None, jax.Array | None]:
    """Returns the key of a wrapper and that of the cell inside, so that no two of a nest draw the same."""
    return (None, None) if key is None else tuple(jax.random.split(key))


def check_rate(name: str, rate: Any) -> None:
    """Raises unless `rate` is a number in [0, 1)."""
    checks.finite(name, rate)
    if not 0 <= rate < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {rate!r}.")


def output_shape(cell: Cell, params: Any, input_size: int) -> tuple[int, ...]:
    """Returns the shape of y_t without batch axes."""

    def output(params):
        weights = cell.prepare(params)
        return cell.output(weights, cell.initial_carry(weights), cell.project(weights, cell.zero_input(input_size)))

    return jax.tree.leaves(jax.eval_shape(output, params))[0].shape


def check_shortcut(cell: Cell, params: Any, input_size: int) -> None:
    """Raises unless the output has the shape of the input, so that the two can be added."""
    x, y = features_of(cell.zero_input(input_size)).shape, output_shape(cell, params, input_size)
    if x != y:
        raise ValueError(
            f"input_size must be the cell's output size for a shortcut, got {input_size}: an input has shape {x}, an "
            f"output of {cell!r} {y}."
        )


def batch_shape_of(cell: Cell, x: Any) -> tuple[int, ...]:
    """Returns the batch axes of an input."""
    features = features_of(x)
    return features.shape[: features.ndim - cell.input_ndim]


@dataclasses.dataclass(frozen=True)
class Wrapper(Cell):
    """A cell around a cell; parameters, state and gates are those of the cell inside where a subclass does not add any.

    Attributes:
      cell: the cell inside, itself a wrapper perhaps.
    """

    cell: Cell

    def __post_init__(self):
        check_cell(self.cell)

    @property
    def input_ndim(self):
        """That of the cell inside."""
        return self.cell.input_ndim

    @property
    def draws_parameters(self):
        """That of the cell inside."""
        return self.cell.draws_parameters

    @property
    def clips_gradients(self):
        """That of the cell inside."""
        return self.cell.clips_gradients

    @property
    def signed_gates(self):
        """That of the cell inside."""
        return self.cell.signed_gates

    @property
    def log_units(self):
        """That of the cell inside."""
        return self.cell.log_units

    def init(self, key, input_size):
        return self.cell.init(key, input_size)

    def prepare(self, params, *, key=None, batch_shape=()):
        return self.cell.prepare(params, key=key, batch_shape=batch_shape)

    def initial_carry(self, weights, batch_shape=()):
        return self.cell.initial_carry(weights, batch_shape)

    def project(self, weights, x, key=None):
        return self.cell.project(weights, x, key)

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights, carry, z, dot)

    def output(self, weights, carry, z):
        return self.cell.output(weights, carry, z)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights, carry, z, dot)

    def retention(self, gates):
        return self.cell.retention(gates)

    def input_size(self, params):
        return self.cell.input_size(params)

    def zero_input(self, input_size):
        return self.cell.zero_input(input_size)
