"""The RNN with shortcuts over time."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Gaussian, Initializer


class RecurrentSkipRNNParams(NamedTuple):
    """Parameters of `RecurrentSkipRNN`."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H H"]
    w_skip: Float[Array, "H H"]
    b: Float[Array, "H"] | None


class RecurrentSkipRNNCarry(NamedTuple):
    """State of `RecurrentSkipRNN`: S = `skip` states, the newest last."""

    past: Float[Array, "*B S H"]


class RecurrentSkipRNNProjected(NamedTuple):
    """W x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class RecurrentSkipRNN(PlainCell):
    """RNN with recurrent skip connections (Zhang et al. 2016: recurrent skip coefficient s; El Hihi & Bengio 1995).

        h_t = activation(W x_t + U h_{t-1} + V h_{t-s} + b)             h_t = 0 for t <= 0

    A gradient takes T / s factors on the shortest way instead of T: for dependencies of known length. Not the Skip RNN
    of Campos et al. (2018), which leaves steps out.

    Attributes:
      hidden_size: H.
      skip: s, at least 2.
      activation: a name in `recurrax.activations.ACTIVATIONS`.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how W, both U and V, and b are drawn.
    """

    skip: int = 8
    activation: str = "tanh"
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian(0.5**0.5)

    projected_type = RecurrentSkipRNNProjected

    def __post_init__(self):
        super().__post_init__()
        if self.skip < 2:
            raise ValueError(f"skip must be at least 2, got {self.skip}: one step back is where U is.")
        activation(self.activation)

    def init(self, key, input_size):
        key_x, key_h, key_s, key_b = jax.random.split(key, 4)
        return RecurrentSkipRNNParams(
            w_x=self.draw_input(key_x, input_size),
            w_h=self.draw_recurrent(key_h),
            w_skip=self.draw_recurrent(key_s),
            b=self.draw_bias(key_b),
        )

    def initial_carry(self, weights, batch_shape=()):
        return RecurrentSkipRNNCarry(jnp.zeros((*batch_shape, self.skip, self.hidden_size), weights.w_h.dtype))

    def step(self, weights, carry, z, dot=dot):
        last, first = carry.past[..., -1, :], carry.past[..., 0, :]
        h = activation(self.activation)(z.h + dot(last, weights.w_h) + dot(first, weights.w_skip))
        return RecurrentSkipRNNCarry(jnp.concatenate([carry.past[..., 1:, :], h[..., None, :]], axis=-2))

    def output(self, weights, carry, z):
        return carry.past[..., -1, :]
