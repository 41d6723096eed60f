"""A shortcut around a cell."""

import dataclasses
from typing import Any, NamedTuple

import jax

from recurrax.cell import dot, features_of
from recurrax.wrappers._base import Wrapper, check_shortcut


class ResidualProjected(NamedTuple):
    """What a step needs of x_t alone: the projection of the cell inside, and x_t."""

    inner: Any
    x: jax.Array


@dataclasses.dataclass(frozen=True)
class Residual(Wrapper):
    """Adds the input to the output (Prakash et al. 2016, Wu et al. 2016: between the layers of a stack).

        y_t = cell's y_t + x_t

    For stacks of more than two or three layers, whose lower layers else learn late. x_t goes past the state, so that a
    gradient with respect to the state does not know of it.

    Attributes:
      cell: the cell inside, whose output is as wide as its input.
    """

    def init(self, key, input_size):
        params = self.cell.init(key, input_size)
        check_shortcut(self.cell, params, input_size)
        return params

    def project(self, weights, x, key=None):
        return ResidualProjected(self.cell.project(weights, x, key), features_of(x))

    def step(self, weights, carry, z, dot=dot):
        return self.cell.step(weights, carry, z.inner, dot)

    def gates(self, weights, carry, z, dot=dot):
        return self.cell.gates(weights, carry, z.inner, dot)

    def output(self, weights, carry, z):
        return self.cell.output(weights, carry, z.inner) + z.x
