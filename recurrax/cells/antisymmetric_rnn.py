"""The antisymmetric RNN."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import Gaussian, Initializer


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
class AntisymmetricRNN(PlainCell):
    """AntisymmetricRNN (Chang et al. 2019): Euler's method on a stable differential equation.

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

    step_size: float = 0.01
    damping: float = 0.01
    gated: bool = False
    _: dataclasses.KW_ONLY
    recurrent_init: Initializer = Gaussian()

    params_type = AntisymmetricRNNParams
    carry_type = AntisymmetricRNNCarry

    def __post_init__(self):
        super().__post_init__()
        checks.positive("step_size", self.step_size)

    @property
    def projected_type(self):
        """Z and n, or n alone."""
        return AntisymmetricRNNGates if self.gated else AntisymmetricRNNProjected

    @property
    def signed_gates(self):
        """The candidate of the gated form."""
        return ("n",) if self.gated else ()

    def draw_recurrent(self, key):
        return self.recurrent_init(key, (self.hidden_size, self.hidden_size))

    def prepare(self, params, *, key=None, batch_shape=()):
        u = params.w_h
        return params._replace(w_h=u.T - u - self.damping * jnp.eye(self.hidden_size, dtype=u.dtype))

    def gates(self, weights, carry, z, dot=dot):
        if not self.gated:
            return None
        a = dot(carry.h, weights.w_h)
        return AntisymmetricRNNGates(z=sigmoid(z.z + a), n=jnp.tanh(z.n + a))

    def step(self, weights, carry, z, dot=dot):
        gates = self.gates(weights, carry, z, dot)
        change = jnp.tanh(z.n + dot(carry.h, weights.w_h)) if gates is None else gates.z * gates.n
        return AntisymmetricRNNCarry(carry.h + self.step_size * change)
