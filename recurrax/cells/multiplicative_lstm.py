"""Long short-term memory in which the input chooses the recurrent matrix."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells.lstm import LSTM, LSTMGates


class MultiplicativeLSTMParams(NamedTuple):
    """Parameters of `MultiplicativeLSTM`, gates side by side in the order i, f, g, o."""

    w_x: Float[Array, "D 4*H"]
    w_m: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None
    w_mx: Float[Array, "D H"]
    w_mh: Float[Array, "H H"]


class MultiplicativeLSTMProjected(NamedTuple):
    """W x_t + b by gate, and W_mx x_t."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]
    o: Float[Array, "*B H"]
    m: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MultiplicativeLSTM(LSTM):
    """Multiplicative LSTM (Krause et al. 2017): an LSTM whose transition depends on the input.

        m = (W_mx x_t) * (W_mh h_{t-1})
        i, f, o = sigmoid(W x_t + U m + b)              g = tanh(W x_t + U m + b)
        c_t = f * c_{t-1} + i * g                       h_t = o * tanh(c_t)

    U diag(W_mx x_t) W_mh is a recurrent matrix of the input's own, in a factored form, so that one surprising symbol
    can change what the state does next. At zero input the gates do not see the state at all. It is the cell of
    language models of characters; another mLSTM, of the xLSTM, has a matrix for its memory.

    Attributes:
      hidden_size, forget_bias, use_bias, bias_init: as in `LSTM`.
      input_init: how W and W_mx are drawn.
      recurrent_init: how U and W_mh are drawn.
    """

    projected_type = MultiplicativeLSTMProjected

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_m, key_b, key_f, key_mx, key_mh = jax.random.split(key, 6)
        h = self.hidden_size
        return MultiplicativeLSTMParams(
            w_x=self.input_init(key_x, (input_size, 4 * h), gates=4),
            w_m=self.recurrent_init(key_m, (h, 4 * h), gates=4),
            b=self.draw_shifted_bias(key_b, key_f, LSTMGates._fields),
            w_mx=self.input_init(key_mx, (input_size, h)),
            w_mh=self.recurrent_init(key_mh, (h, h)),
        )

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        gates = jnp.split(z if weights.b is None else z + weights.b, 4, axis=-1)
        return MultiplicativeLSTMProjected(*gates, m=x @ weights.w_mx)

    def gates(self, weights, carry, z, dot=dot):
        m = z.m * dot(carry.h, weights.w_mh)
        u = LSTMGates(*jnp.split(dot(m, weights.w_m), 4, axis=-1))
        return LSTMGates(sigmoid(z.i + u.i), sigmoid(z.f + u.f), jnp.tanh(z.g + u.g), sigmoid(z.o + u.o))
