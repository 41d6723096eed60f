"""Long short-term memory whose gates look at the cell state."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells.lstm import LSTM, LSTMGates
from recurrax.initializers import Initializer, Uniform


class PeepholeLSTMParams(NamedTuple):
    """Parameters of `PeepholeLSTM`, gates side by side in the order i, f, g, o; peepholes in that of the attribute."""

    w_x: Float[Array, "D 4*H"]
    w_h: Float[Array, "H 4*H"]
    b: Float[Array, "4*H"] | None
    p: Float[Array, "P H"]


@dataclasses.dataclass(frozen=True)
class PeepholeLSTM(LSTM):
    """LSTM with peepholes (Gers & Schmidhuber 2000), the "vanilla LSTM" of Greff et al. (2017).

        i, f = sigmoid(W x_t + U h_{t-1} + p * c_{t-1} + b)     g = tanh(W x_t + U h_{t-1} + b)
        c_t = f * c_{t-1} + i * g
        o = sigmoid(W x_t + U h_{t-1} + p * c_t + b)            h_t = o * tanh(c_t)

    For tasks of precise timing: gates see the cell state even while the output gate hides it.

    Attributes:
      hidden_size, forget_bias, use_bias, input_init, recurrent_init, bias_init: as in `LSTM`.
      peepholes: the gates that see c, any of "i", "f" and "o", each at most once.
      peephole_init: how the vectors p are drawn.
    """

    peepholes: tuple[str, ...] = ("i", "f", "o")
    peephole_init: Initializer = Uniform(-0.1, 0.1)

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.peepholes, tuple) or len(set(self.peepholes)) < len(self.peepholes):
            raise ValueError(f"peepholes must be a tuple of gates, each at most once, got {self.peepholes!r}.")
        for gate in self.peepholes:
            checks.choice("peepholes", gate, ("i", "f", "o"))

    def init(self, key, input_size):
        key_lstm, key_p = jax.random.split(key)
        p = [self.peephole_init(k, (self.hidden_size,)) for k in jax.random.split(key_p, len(self.peepholes))]
        return PeepholeLSTMParams(
            *super().init(key_lstm, input_size),
            p=jnp.stack(p) if p else jnp.zeros((0, self.hidden_size)),
        )

    def gates(self, weights, carry, z, dot=dot):
        u = LSTMGates(*jnp.split(dot(carry.h, weights.w_h), 4, axis=-1))

        def peephole(gate, c):
            return weights.p[self.peepholes.index(gate)] * c if gate in self.peepholes else 0

        i, f = sigmoid(z.i + u.i + peephole("i", carry.c)), sigmoid(z.f + u.f + peephole("f", carry.c))
        g = jnp.tanh(z.g + u.g)
        return LSTMGates(i, f, g, sigmoid(z.o + u.o + peephole("o", f * carry.c + i * g)))
