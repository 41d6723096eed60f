"""What gated cells share: hyper-parameters, and how weights and biases, all gates side by side, are drawn and used."""

import abc
import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import Cell
from recurrax.initializers import (
    Chrono,
    Gaussian,
    Initializer,
    OrthogonalPerGate,
    Zeros,
    check_forget_bias,
    check_initializers,
    memory_biases,
)


@dataclasses.dataclass(frozen=True)
class GatedCell(Cell):
    """Base of cells whose G gates share one matrix per operand, `[D, G*H]` and `[H, G*H]`, and one bias `[G*H]`.

    A subclass names its three NamedTuples, says what `forget_bias` does, and gives `gates` and `step`.

    Attributes:
      hidden_size: H.
      forget_bias: shifts the bias of the gates that keep and write when it is drawn, never in the step, so that the
        cell keeps sigmoid(forget_bias) at zero pre-activation: a number, or `Chrono`.
      use_bias: whether biases are there; without them `forget_bias` has to be 0.
      input_init, recurrent_init, bias_init: how the weights of the input, of the state, and the biases are drawn.
    """

    hidden_size: int
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = 0.0
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    bias_init: Initializer = Zeros()

    params_type: ClassVar[Any]
    """Holds `w_x`, `w_h` and `b`; further fields are for `init` to draw."""
    carry_type: ClassVar[Any]
    """Holds arrays `[*B, H]` that begin as zeros."""
    projected_type: ClassVar[Any]
    """Holds W x_t + b by gate, in the order in which gates lie side by side."""

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)
        check_forget_bias(self.forget_bias, self.use_bias)

    @abc.abstractmethod
    def bias_shifts(self, forget: jax.Array, write: jax.Array) -> dict[str, jax.Array]:
        """Returns what is added to drawn biases, by gate, given the shifts of a forget and of an input gate, `[H]`."""

    def init(self, key, input_size):
        return self.params_type(*self.draw(jax.random.split(key, 4), input_size))

    def draw(self, keys: Any, input_size: int) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Draws w_x, w_h and b from four keys: one for each, and one for the shifts of the biases."""
        checks.size("input_size", input_size)
        key_x, key_h, key_b, key_f = keys
        h, gates = self.hidden_size, self.projected_type._fields
        w_x = self.input_init(key_x, (input_size, len(gates) * h), gates=len(gates))
        w_h = self.recurrent_init(key_h, (h, len(gates) * h), gates=len(gates))
        return w_x, w_h, self.draw_bias(key_b, key_f, gates) if self.use_bias else None

    def draw_bias(self, key: jax.Array, key_shifts: jax.Array, gates: tuple[str, ...]) -> jax.Array:
        """Draws the biases of the named gates, `[G*H]`, and shifts them as `forget_bias` asks."""
        h = self.hidden_size
        b = self.bias_init(key, (len(gates) * h,), gates=len(gates))
        for gate, shift in self.bias_shifts(*memory_biases(self.forget_bias, key_shifts, h)).items():
            begin = gates.index(gate) * h
            b = b.at[begin : begin + h].add(shift)
        return b

    def initial_carry(self, weights, batch_shape=()):
        zeros = jnp.zeros((*batch_shape, self.hidden_size), jax.tree.leaves(weights)[0].dtype)
        return self.carry_type(*[zeros] * len(self.carry_type._fields))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        gates = self.projected_type._fields
        return self.projected_type(*jnp.split(z if weights.b is None else z + weights.b, len(gates), axis=-1))
