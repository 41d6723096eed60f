"""The minimal gated recurrent unit, whose gate does not look at the state."""

import dataclasses
from typing import NamedTuple

import jax
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import memory_biases
from recurrax.cells._base.minimal import MinCarry, MinimalCell


class MinGRUParams(NamedTuple):
    """Parameters of `MinGRU`, side by side in the order z, n."""

    w_x: Float[Array, "D 2*H"]
    b: Float[Array, "2*H"] | None


class MinGRUGates(NamedTuple):
    """The gate of `MinGRU`."""

    z: Float[Array, "*B H"]


class MinGRUProjected(NamedTuple):
    """Gate and candidate, which x_t alone decides."""

    z: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinGRU(MinimalCell):
    """Minimal gated recurrent unit (Feng et al. 2024, "Were RNNs all we needed?").

        z_t = sigmoid(W_z x_t + b_z)     n_t = g(W_n x_t + b_n)     h_t = (1 - z_t) * h_{t-1} + z_t * n_t

    With `positive_candidate` g is `positive`, as in the paper's log-space form, else the identity, as in its plain one.
    The log-space form computes h as the logarithm of a sum of products, since a quotient of cumulative products
    overflows. Pairs (a, b) of maps h -> a h + b, which the executors combine, do not: every a is a product of numbers
    below one, and no quotient is taken. The values are the same.

    Attributes:
      hidden_size: H.
      positive_candidate: whether g keeps the candidate above zero.
      forget_bias: taken from b_z when it is drawn, so that 1 - z = sigmoid(forget_bias) at zero input: a number, or
        `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init, bias_init: how W and b are drawn.
    """

    projected_type = MinGRUProjected

    def init(self, key, input_size):
        key_x, key_b, key_f = jax.random.split(key, 3)
        w_x, b = self.draw_input(key_x, input_size), self.draw_bias(key_b)
        forget, _ = memory_biases(self.forget_bias, key_f, self.hidden_size)
        return MinGRUParams(w_x, b if b is None else b.at[: self.hidden_size].add(-forget))

    def project(self, weights, x, key=None):
        z, n = super().project(weights, x)
        return MinGRUProjected(sigmoid(z), self.candidate(n))

    def gates(self, weights, carry, z, dot=dot):
        return MinGRUGates(z.z)

    def step(self, weights, carry, z, dot=dot):
        gate = self.gates(weights, carry, z, dot)
        return MinCarry((1 - gate.z) * carry.h + gate.z * z.n)

    def retention(self, gates):
        return 1 - gates.z
