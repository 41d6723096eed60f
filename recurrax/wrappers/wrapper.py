"""The base of wrappers: a cell around a cell, which hands everything on that it does not change."""

import dataclasses

from recurrax.cells.cell import Cell, check_cell, dot


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
    def input_ndim(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the cell inside."""
        return self.cell.input_ndim

    @property
    def draws_parameters(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the cell inside."""
        return self.cell.draws_parameters

    @property
    def signed_gates(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the cell inside."""
        return self.cell.signed_gates

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
