"""The Lipschitz RNN."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import dot
from recurrax.cells._base.affine import PlainCell
from recurrax.initializers import FanInUniform, Initializer, VanishingGaussian


class LipschitzRNNParams(NamedTuple):
    """Parameters of `LipschitzRNN`."""

    w_x: Float[Array, "D H"]
    m_a: Float[Array, "H H"]
    m_w: Float[Array, "H H"]
    b: Float[Array, "H"] | None


class LipschitzRNNWeights(NamedTuple):
    """What all steps of a `LipschitzRNN` share."""

    w_x: Float[Array, "D H"]
    w_h: Float[Array, "H 2*H"]
    """A and W side by side, multiplied from the right."""
    b: Float[Array, "H"] | None


class LipschitzRNNCarry(NamedTuple):
    """State of `LipschitzRNN`."""

    h: Float[Array, "*B H"]


class LipschitzRNNProjected(NamedTuple):
    """U x_t + b."""

    h: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class LipschitzRNN(PlainCell):
    """Lipschitz RNN (Erichson et al. 2021): a linear part, and a Lipschitz nonlinearity.

        dh/dt = f(h) = A h + tanh(W h + U x + b)
        A = (1 - beta) (M_A + M_A^T) + beta (M_A - M_A^T) - gamma 1,    W likewise from M_W
        euler:     h_t = h_{t-1} + epsilon f(h_{t-1})
        midpoint:  h_t = h_{t-1} + epsilon f(h_{t-1} + epsilon / 2 f(h_{t-1}))

    beta turns from symmetric (0) to skew-symmetric (1) matrices, and gamma damps: together they hold the Jacobian's
    eigenvalues about 1, with more to express than an antisymmetric matrix has.

    At the start the entries of both M are from N(0, (0.1 / H)^2) and those of U from U(-1, 1) / sqrt(D), as in the
    authors' code, whose bias is so too; here b = 0.

    Attributes:
      hidden_size: H.
      step_size: epsilon.
      beta_a, beta_w: beta of A and of W, in [0, 1].
      gamma_a, gamma_w: gamma of A and of W.
      method: "euler" or "midpoint" (the paper's second-order Runge-Kutta).
      use_bias: whether b is there.
      input_init, recurrent_init, bias_init: how U, both M and b are drawn.
    """

    step_size: float = 0.03
    beta_a: float = 0.75
    beta_w: float = 0.75
    gamma_a: float = 0.001
    gamma_w: float = 0.001
    method: str = "euler"
    _: dataclasses.KW_ONLY
    input_init: Initializer = FanInUniform()
    recurrent_init: Initializer = VanishingGaussian(0.1)

    carry_type = LipschitzRNNCarry
    projected_type = LipschitzRNNProjected

    def __post_init__(self):
        super().__post_init__()
        checks.positive("step_size", self.step_size)
        for name in ("beta_a", "beta_w"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}.")
        checks.choice("method", self.method, ("euler", "midpoint"))

    def init(self, key, input_size):
        key_x, key_a, key_w, key_b = jax.random.split(key, 4)
        return LipschitzRNNParams(
            w_x=self.draw_input(key_x, input_size),
            m_a=self.draw_recurrent(key_a),
            m_w=self.draw_recurrent(key_w),
            b=self.draw_bias(key_b),
        )

    def prepare(self, params, *, key=None, batch_shape=()):
        def matrix(m, beta, gamma):
            return (1 - beta) * (m + m.T) + beta * (m - m.T) - gamma * jnp.eye(self.hidden_size, dtype=m.dtype)

        a, w = matrix(params.m_a, self.beta_a, self.gamma_a), matrix(params.m_w, self.beta_w, self.gamma_w)
        return LipschitzRNNWeights(params.w_x, jnp.concatenate([a.T, w.T], axis=-1), params.b)

    def step(self, weights, carry, z, dot=dot):
        def slope(h):
            a, w = jnp.split(dot(h, weights.w_h), 2, axis=-1)
            return a + jnp.tanh(w + z.h)

        h = carry.h
        where = h if self.method == "euler" else h + self.step_size / 2 * slope(h)
        return LipschitzRNNCarry(h + self.step_size * slope(where))
