"""The network whose update happens in the space of its inputs."""

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.gated import GatedCell


class MinimalRNNParams(NamedTuple):
    """Parameters of `MinimalRNN`."""

    w_x: Float[Array, "D H"]
    b: Float[Array, "H"] | None
    w_z: Float[Array, "H H"]
    w_h: Float[Array, "H H"]
    b_u: Float[Array, "H"] | None


class MinimalRNNCarry(NamedTuple):
    """State of `MinimalRNN`."""

    h: Float[Array, "*B H"]


class MinimalRNNProjected(NamedTuple):
    """V n_t + b_u, and n_t."""

    u: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


class MinimalRNNGates(NamedTuple):
    """The activated gates of `MinimalRNN`."""

    u: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class MinimalRNN(GatedCell):
    """MinimalRNN (Chen 2017), whose isometric initialisation mean-field theory tells (Chen et al. 2018).

        n = tanh(W x_t + b)                             h_t = u * h_{t-1} + (1 - u) * n
        u = sigmoid(U h_{t-1} + V n + b_u)

    The state is a weighted mean of the inputs' images n, so that it stays in (-1, 1).

    Attributes:
      hidden_size: H.
      forget_bias: added to b_u when it is drawn, so that u = sigmoid(forget_bias) at zero pre-activation: a number, or
        `Chrono`.
      use_bias: whether b and b_u are there; without them `forget_bias` is 0.
      input_init: how W is drawn.
      recurrent_init: how U and V are drawn.
      bias_init: how b and b_u are drawn.
    """

    carry_type = MinimalRNNCarry
    signed_gates: ClassVar[tuple[str, ...]] = ("n",)

    def bias_shifts(self, forget, write):
        return {"u": forget}

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_z, key_h, key_b, key_u, key_f = jax.random.split(key, 6)
        h = self.hidden_size
        return MinimalRNNParams(
            w_x=self.input_init(key_x, (input_size, h)),
            b=self.bias_init(key_b, (h,)) if self.use_bias else None,
            w_z=self.recurrent_init(key_z, (h, h)),
            w_h=self.recurrent_init(key_h, (h, h)),
            b_u=self.draw_shifted_bias(key_u, key_f, ("u",)),
        )

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        n = jnp.tanh(z if weights.b is None else z + weights.b)
        u = n @ weights.w_z
        return MinimalRNNProjected(u=u if weights.b_u is None else u + weights.b_u, n=n)

    def gates(self, weights, carry, z, dot=dot):
        return MinimalRNNGates(u=sigmoid(z.u + dot(carry.h, weights.w_h)), n=z.n)

    def step(self, weights, carry, z, dot=dot):
        u, n = self.gates(weights, carry, z, dot)
        return MinimalRNNCarry(u * carry.h + (1 - u) * n)

    def retention(self, gates):
        return gates.u
