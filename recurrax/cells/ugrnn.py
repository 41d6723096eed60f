"""The update gate network."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.activations import activation
from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Chrono


class UGRNNParams(NamedTuple):
    """Parameters of `UGRNN`, side by side in the order g, c."""

    w_x: Float[Array, "D 2*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class UGRNNCarry(NamedTuple):
    """State of `UGRNN`."""

    h: Float[Array, "*B H"]


class UGRNNProjected(NamedTuple):
    """W x_t + b, of the gate and of the candidate."""

    g: Float[Array, "*B H"]
    c: Float[Array, "*B H"]


class UGRNNGates(NamedTuple):
    """The gate of `UGRNN`."""

    g: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class UGRNN(GatedCell):
    """Update gate network (Collins, Sohl-Dickstein & Sussillo 2017): a simple network with one gate that keeps.

        g = sigmoid(W x_t + U h_{t-1} + b)              h_t = g * h_{t-1} + (1 - g) * c
        c = activation(W x_t + U h_{t-1} + b)

    The least gating there is between an RNN and a GRU, and the easiest to train among those in the paper. Its sister in
    the paper, the intersection network, gates a shortcut of the input past the state and is no cell of this kind.

    Attributes:
      hidden_size: H.
      activation: of the candidate, a name in `recurrax.activations.ACTIVATIONS`; the paper's are "tanh" and "relu".
      forget_bias: added to b_g when it is drawn, so that g = sigmoid(forget_bias) at zero pre-activation: a number, or
        `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    activation: str = "tanh"
    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    params_type = UGRNNParams
    carry_type = UGRNNCarry
    projected_type = UGRNNProjected

    def __post_init__(self):
        super().__post_init__()
        activation(self.activation)

    def bias_shifts(self, forget, write):
        return {"g": forget}

    def gates(self, weights, carry, z, dot=dot):
        u_g, _ = jnp.split(weights.w_h, 2, axis=-1)
        return UGRNNGates(sigmoid(z.g + dot(carry.h, u_g)))

    def step(self, weights, carry, z, dot=dot):
        (g,) = self.gates(weights, carry, z, dot)
        _, u_c = jnp.split(weights.w_h, 2, axis=-1)
        c = activation(self.activation)(z.c + dot(carry.h, u_c))
        return UGRNNCarry(g * carry.h + (1 - g) * c)

    def retention(self, gates):
        return gates.g
