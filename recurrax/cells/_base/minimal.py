"""What `MinGRU` and `MinLSTM` share: gates and candidates that x_t alone decides, so that the recurrence is linear."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cells._base.affine import AffineCell
from recurrax.cells._base.forget_bias import settle_forget_bias
from recurrax.initializers import Chrono


class MinCarry(NamedTuple):
    """State of `MinGRU` and `MinLSTM`."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinimalCell(AffineCell):
    """Base of minimal recurrent cells (Feng et al. 2024).

    Attributes:
      hidden_size: H.
      positive_candidate: whether g keeps the candidate above zero.
      forget_bias: how much is kept at zero input: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, bias_init: how W and b are drawn.
    """

    positive_candidate: bool = True
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = 0.0

    carry_type = MinCarry
    linear: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        settle_forget_bias(self)

    def candidate(self, a: jax.Array) -> jax.Array:
        """Returns the paper's g of a pre-activation, above zero: a + 1/2 for a >= 0, sigmoid(a) below; or a itself."""
        return jnp.where(a >= 0, a + 0.5, sigmoid(a)) if self.positive_candidate else a
