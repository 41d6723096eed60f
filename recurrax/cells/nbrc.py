"""The bistable recurrent cell whose units modulate each other."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.bistable import BistableCell
from recurrax.initializers import GlorotUniformPerGate, Initializer


class NBRCParams(NamedTuple):
    """Parameters of `NBRC`, side by side in the order a, c, n; the candidate n has no weight of the state."""

    w_x: Float[Array, "D 3*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "3*H"] | None


@dataclasses.dataclass(frozen=True)
class NBRC(BistableCell):
    """Recurrently neuromodulated bistable cell, nBRC (Vecoven, Ernst & Drion 2021).

        a = 1 + tanh(W_a x_t + U_a h_{t-1} + b_a)       h_t = c * h_{t-1} + (1 - c) * n
        c = sigmoid(W_c x_t + U_c h_{t-1} + b_c)        n = tanh(W x_t + a * h_{t-1} + b)

    `BRC` whose gates see all units: these may make each other bistable. At the start W and U are Glorot's draws and b =
    0, as in the authors' code.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_c when it is drawn.
      use_bias: whether biases are there; without them `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, U and b are drawn.
    """

    _: dataclasses.KW_ONLY
    input_init: Initializer = GlorotUniformPerGate()
    recurrent_init: Initializer = GlorotUniformPerGate()

    params_type = NBRCParams

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size, 2 * self.hidden_size), gates=2)

    def gates(self, weights, carry, z, dot=dot):
        return self.gates_from(carry.h, z, *jnp.split(dot(carry.h, weights.w_h), 2, axis=-1))
