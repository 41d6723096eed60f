"""The bistable recurrent cell."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.bistable import BistableCell
from recurrax.initializers import Constant, GlorotUniformPerGate, Initializer


class BRCParams(NamedTuple):
    """Parameters of `BRC`, side by side in the order a, c, n; the candidate n has no weight of the state."""

    w_x: Float[Array, "D 3*H"]
    u: Float[Array, "2*H"]
    b: Float[Array, "3*H"] | None


@dataclasses.dataclass(frozen=True)
class BRC(BistableCell):
    """Bistable recurrent cell (Vecoven, Ernst & Drion 2021).

        a = 1 + tanh(W_a x_t + u_a * h_{t-1} + b_a)     h_t = c * h_{t-1} + (1 - c) * n
        c = sigmoid(W_c x_t + u_c * h_{t-1} + b_c)      n = tanh(W x_t + a * h_{t-1} + b)

    Where a > 1 a unit has two stable states, and holds either for ever: a memory that does not leak, made of single
    units, as neurons have it. The paper has no biases, `use_bias=False`; the authors' code has b_a and b_c, and its
    start is the default here: u = 1, W by Glorot's draw, b = 0.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_c when it is drawn.
      use_bias: whether biases are there; without them `forget_bias` is 0.
      input_init, recurrent_init, bias_init: how W, u and b are drawn.
    """

    _: dataclasses.KW_ONLY
    input_init: Initializer = GlorotUniformPerGate()
    recurrent_init: Initializer = Constant(1.0)

    params_type = BRCParams
    diagonal: ClassVar[bool] = True

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (2 * self.hidden_size,), gates=2)

    def gates(self, weights, carry, z, dot=dot):
        u_a, u_c = jnp.split(weights.u, 2)
        return self.gates_from(carry.h, z, u_a * carry.h, u_c * carry.h)
