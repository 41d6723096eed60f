"""What gated cells share: a plain cell whose biases decide, at first, how much of the state is kept."""

import abc
import dataclasses
from typing import Any

import jax

from recurrax.cells._base.affine import PlainCell
from recurrax.cells._base.forget_bias import memory_biases, settle_forget_bias
from recurrax.initializers import Chrono


@dataclasses.dataclass(frozen=True)
class GatedCell(PlainCell):
    """Base of cells whose G gates share one matrix per operand, `[D, G*H]` and `[H, G*H]`, and one bias `[G*H]`.

    A subclass names its three NamedTuples, says what `forget_bias` does, and gives `gates` and `step`.

    Attributes:
      hidden_size: H.
      forget_bias: shifts the bias of the gates that keep and write when it is drawn, never in the step, so that the
        cell keeps sigmoid(forget_bias) at zero pre-activation: a number, or `Chrono`.
      use_bias: whether biases are there; without them `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how the weights of the input, of the state, and the biases are drawn.
    """

    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = 0.0

    def __post_init__(self):
        super().__post_init__()
        settle_forget_bias(self)

    @abc.abstractmethod
    def bias_shifts(self, forget: jax.Array, write: jax.Array) -> dict[str, jax.Array]:
        """Returns what is added to drawn biases, by gate, given the shifts of a forget and of an input gate, `[H]`."""

    def init(self, key, input_size):
        return self.params_type(*self.draw(jax.random.split(key, 4), input_size))

    def draw(self, keys: Any, input_size: int) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Draws w_x, w_h and b from four keys: one for each, and one for the shifts of the biases."""
        key_x, key_h, key_b, key_f = keys
        w_x, w_h = self.draw_input(key_x, input_size), self.draw_recurrent(key_h)
        return w_x, w_h, self.draw_shifted_bias(key_b, key_f, self.projected_type._fields)

    def draw_shifted_bias(self, key: jax.Array, key_shifts: jax.Array, gates: tuple[str, ...]) -> jax.Array | None:
        """Draws the biases of the named gates, `[G*H]`, if they are there, and shifts them as `forget_bias` asks."""
        if not self.use_bias:
            return None
        h = self.hidden_size
        b = self.bias_init(key, (len(gates) * h,), gates=len(gates))
        for gate, shift in self.bias_shifts(*memory_biases(self.forget_bias, key_shifts, h)).items():
            begin = gates.index(gate) * h
            b = b.at[begin : begin + h].add(shift)
        return b
