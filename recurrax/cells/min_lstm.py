"""The minimal LSTM, whose gates do not look at the state."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid, softplus
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import memory_biases
from recurrax.cells._base.minimal import MinCarry, MinimalCell


class MinLSTMParams(NamedTuple):
    """Parameters of `MinLSTM`, side by side in the order i, f, g."""

    w_x: Float[Array, "D 3*H"]
    b: Float[Array, "3*H"] | None


class MinLSTMGates(NamedTuple):
    """The gates of `MinLSTM`, normalised: their sum is one."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]


class MinLSTMProjected(NamedTuple):
    """Normalised gates and candidate, which x_t alone decides."""

    i: Float[Array, "*B H"]
    f: Float[Array, "*B H"]
    g: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinLSTM(MinimalCell):
    """Minimal long short-term memory (Feng et al. 2024, "Were RNNs all we needed?").

        i, f = sigmoid(W x_t + b)        i_t = i / (i + f)        f_t = f / (i + f)
        h_t = f_t * h_{t-1} + i_t * g(W_g x_t + b_g)

    g and what is said of logarithms as in `MinGRU`. The shares are computed as
    f / (i + f) = sigmoid(softplus(-a_i) - softplus(-a_f)) of the pre-activations a, which is right also where both
    gates vanish.

    Attributes:
      hidden_size: H.
      positive_candidate: whether g keeps the candidate above zero.
      forget_bias: added to b_f when it is drawn: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, bias_init: how W and b are drawn.
    """

    projected_type = MinLSTMProjected

    def init(self, key, input_size):
        key_x, key_b, key_f = jax.random.split(key, 3)
        w_x, b = self.draw_input(key_x, input_size), self.draw_bias(key_b)
        forget, write = memory_biases(self.forget_bias, key_f, self.hidden_size)
        shifts = jnp.concatenate([write, forget])
        return MinLSTMParams(w_x, b if b is None else b.at[: 2 * self.hidden_size].add(shifts))

    def project(self, weights, x, key=None):
        i, f, g = super().project(weights, x)
        difference = softplus(-i) - softplus(-f)
        return MinLSTMProjected(sigmoid(-difference), sigmoid(difference), self.candidate(g))

    def gates(self, weights, carry, z, dot=dot):
        return MinLSTMGates(z.i, z.f)

    def step(self, weights, carry, z, dot=dot):
        i, f = self.gates(weights, carry, z, dot)
        return MinCarry(f * carry.h + i * z.g)

    def retention(self, gates):
        return gates.f
