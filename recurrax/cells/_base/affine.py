"""What plain cells share: hyper-parameters and their checks, how weights and biases are drawn, and W x_t + b."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import Cell
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, OrthogonalPerGate, Zeros


class _OfNamedTuples(Cell):
    """A cell that names its NamedTuples; no dataclass, so that they are no hyper-parameters."""

    params_type: Any
    """Holds `w_x`, `b`, and what else `init` draws."""
    carry_type: Any
    """Holds arrays `[*B, H]` that begin as zeros."""
    projected_type: Any
    """Holds G arrays `[*B, H]`, in the order in which their blocks lie side by side in W and b."""


@dataclasses.dataclass(frozen=True)
class AffineCell(_OfNamedTuples):
    """Base of cells that see x_t as W x_t + b, with weights `w_x` `[D, G*H]` and a bias `b` `[G*H]`.

    A subclass names its NamedTuples, and gives `init` and `step`. Its hyper-parameters are checked by their kinds
    (`check_fields`); `__post_init__` adds what else they must be.

    Attributes:
      hidden_size: H.
      use_bias: whether b is there.
      input_init, bias_init: how W and b are drawn.
    """

    hidden_size: int
    _: dataclasses.KW_ONLY
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)

    def draw_input(self, key: jax.Array, input_size: int) -> jax.Array:
        """Draws W, `[D, G*H]`."""
        checks.size("input_size", input_size)
        gates = len(self.projected_type._fields)
        return self.input_init(key, (input_size, gates * self.hidden_size), gates=gates)

    def draw_bias(self, key: jax.Array) -> jax.Array | None:
        """Draws b, `[G*H]`, if it is there."""
        gates = len(self.projected_type._fields)
        return self.bias_init(key, (gates * self.hidden_size,), gates=gates) if self.use_bias else None

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.hidden_size), jax.tree.leaves(weights)[0].dtype)
        return self.carry_type(*[zeros] * len(self.carry_type._fields))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        z = z if weights.b is None else z + weights.b
        return self.projected_type(*jnp.split(z, len(self.projected_type._fields), axis=-1))


@dataclasses.dataclass(frozen=True)
class PlainCell(AffineCell):
    """Base of cells with weights of the state, `w_h` `[H, G*H]`, beside W and b; all that they lack is the step.

    At the start W ~ N(0, 1 / D), U is orthogonal gate by gate, and b = 0: so that cells differ by their equations alone
    where nothing is known of their authors' start. A cell with a start of its authors has other defaults.

    Attributes:
      hidden_size: H.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = OrthogonalPerGate()

    def init(self, key, input_size):
        return self.params_type(*self.draw(jax.random.split(key, 3), input_size))

    def draw(self, keys: Any, input_size: int) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Draws W, U and b from a key for each."""
        key_x, key_h, key_b = keys
        return self.draw_input(key_x, input_size), self.draw_recurrent(key_h), self.draw_bias(key_b)

    def draw_recurrent(self, key: jax.Array) -> jax.Array:
        """Draws U, `[H, G*H]`."""
        gates = len(self.projected_type._fields)
        return self.recurrent_init(key, (self.hidden_size, gates * self.hidden_size), gates=gates)
