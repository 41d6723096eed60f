"""The chaos-free network."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax.cell import dot
from recurrax.cells._base.forget_bias import DefaultForgetBias
from recurrax.cells._base.gated import GatedCell
from recurrax.initializers import Chrono


class CFNParams(NamedTuple):
    """Parameters of `CFN`: of x_t side by side in the order theta, eta, n, the others in the order theta, eta."""

    w_x: Float[Array, "D 3*H"]
    w_h: Float[Array, "H 2*H"]
    b: Float[Array, "2*H"] | None


class CFNCarry(NamedTuple):
    """State of `CFN`."""

    h: Float[Array, "*B H"]


class CFNProjected(NamedTuple):
    """V x_t + b of the gates, and tanh(W x_t)."""

    theta: Float[Array, "*B H"]
    eta: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


class CFNGates(NamedTuple):
    """The activated gates of `CFN`."""

    theta: Float[Array, "*B H"]
    eta: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class CFN(GatedCell):
    """Chaos-free network (Laurent & von Brecht 2017), whose units do not mix but through its gates.

        theta, eta = sigmoid(U h_{t-1} + V x_t + b)     h_t = theta * tanh(h_{t-1}) + eta * tanh(W x_t)

    Without input every unit falls to zero, |h_t| < |h_{t-1}|, whatever the parameters: the dynamics have one attractor
    and no chaos, at performance near that of an LSTM. A network to hold against gated ones, which can be chaotic.

    Attributes:
      hidden_size: H.
      forget_bias: added to b_theta and taken from b_eta when they are drawn: a number, or `Chrono`.
      use_bias: whether b is there; without it `forget_bias` is 0.
      input_init: how V and W are drawn.
      recurrent_init, bias_init: how U and b are drawn.
    """

    _: dataclasses.KW_ONLY
    forget_bias: float | Chrono = DefaultForgetBias(1.0)

    params_type = CFNParams
    carry_type = CFNCarry
    projected_type = CFNProjected

    def bias_shifts(self, forget, write):
        return {"theta": forget, "eta": -forget}

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size, 2 * self.hidden_size), gates=2)

    def draw_shifted_bias(self, key, key_shifts, gates):
        return super().draw_shifted_bias(key, key_shifts, CFNGates._fields)

    def project(self, weights, x, key=None):
        gates, n = jnp.split(x @ weights.w_x, [2 * self.hidden_size], axis=-1)
        theta, eta = jnp.split(gates if weights.b is None else gates + weights.b, 2, axis=-1)
        return CFNProjected(theta, eta, jnp.tanh(n))

    def gates(self, weights, carry, z, dot=dot):
        u_theta, u_eta = jnp.split(dot(carry.h, weights.w_h), 2, axis=-1)
        return CFNGates(theta=sigmoid(z.theta + u_theta), eta=sigmoid(z.eta + u_eta))

    def step(self, weights, carry, z, dot=dot):
        theta, eta = self.gates(weights, carry, z, dot)
        return CFNCarry(theta * jnp.tanh(carry.h) + eta * z.n)

    def retention(self, gates):
        return gates.theta
