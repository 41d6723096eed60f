"""The antisymmetric RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.initializers import Gaussian, Initializer, Zeros, check_initializers


class AntisymmetricRNNParams(NamedTuple):
    """Parameters of `AntisymmetricRNN`; n alone, or z and n side by side where it is gated."""

    w_x: Float[Array, "D G*H"]
    w_h: Float[Array, "H H"]
    b: Float[Array, "G*H"] | None


class AntisymmetricRNNCarry(NamedTuple):
    """State of `AntisymmetricRNN`."""

    h: Float[Array, "*B H"]


class AntisymmetricRNNGates(NamedTuple):
    """The gate z of the gated form, None in the other, and the candidate."""

    z: Float[Array, "*B H"]
    n: Float[Array, "*B H"]


class AntisymmetricRNNProjected(NamedTuple):
    """V x_t + b."""

    n: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class AntisymmetricRNN(Cell):
    """AntisymmetricRNN (Chang et al. 2019, equations 8 and 10): Euler's method on a stable differential equation.

        A = U - U^T - gamma 1
        h_t = h_{t-1} + epsilon * n                     n = tanh(A h_{t-1} + V x_t + b)
        gated:  h_t = h_{t-1} + epsilon * z * n         z = sigmoid(A h_{t-1} + V_z x_t + b_z)

    The eigenvalues of A are imaginary but for the damping gamma, so that the Jacobian's lie about 1: for long-term
    dependencies with few parameters.

    Attributes:
      hidden_size: H.
      step_size: epsilon.
      damping: gamma.
      gated: whether there is z.
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how V, U and b are drawn.
    """

    hidden_size: int
    step_size: float = 0.01
    damping: float = 0.01
    gated: bool = False
    use_bias: bool = True
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        checks.positive_int("hidden_size", self.hidden_size)
        checks.positive("step_size", self.step_size)
        checks.finite("damping", self.damping)
        checks.boolean("gated", self.gated)
        checks.boolean("use_bias", self.use_bias)
        check_initializers(input_init=self.input_init, recurrent_init=self.recurrent_init, bias_init=self.bias_init)

    @property
    def signed_gates(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """The candidate of the gated form."""
        return ("n",) if self.gated else ()

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_x, key_h, key_b = jax.random.split(key, 3)
        h, gates = self.hidden_size, 2 if self.gated else 1
        return AntisymmetricRNNParams(
            w_x=self.input_init(key_x, (input_size, gates * h), gates=gates),
            w_h=self.recurrent_init(key_h, (h, h)),
            b=self.bias_init(key_b, (gates * h,), gates=gates) if self.use_bias else None,
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        u = params.w_h
        return params._replace(w_h=u.T - u - self.damping * jnp.eye(self.hidden_size, dtype=u.dtype))

    def initial_carry(self, weights, batch_shape=()):
        return AntisymmetricRNNCarry(jnp.zeros((*batch_shape, self.hidden_size), weights.w_h.dtype))

    def project(self, weights, x, key=None):
        z = x @ weights.w_x
        z = z if weights.b is None else z + weights.b
        return AntisymmetricRNNGates(*jnp.split(z, 2, axis=-1)) if self.gated else AntisymmetricRNNProjected(z)

    def gates(self, weights, carry, z, dot=dot):
        if not self.gated:
            return None
        a = dot(carry.h, weights.w_h)
        return AntisymmetricRNNGates(z=sigmoid(z.z + a), n=jnp.tanh(z.n + a))

    def step(self, weights, carry, z, dot=dot):
        gates = self.gates(weights, carry, z, dot)
        change = jnp.tanh(z.n + dot(carry.h, weights.w_h)) if gates is None else gates.z * gates.n
        return AntisymmetricRNNCarry(carry.h + self.step_size * change)
