"""The structurally constrained network."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Float

from recurrax._util import checks
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, OrthogonalPerGate


class SCRNParams(NamedTuple):
    """Parameters of `SCRN`; w_x leads to the S context units and the H hidden units, in that order."""

    w_x: Float[Array, "D S+H"]
    w_h: Float[Array, "H H"]
    w_s: Float[Array, "S H"]
    beta: Float[Array, "S"] | None


class SCRNCarry(NamedTuple):
    """State of `SCRN`."""

    h: Float[Array, "*B H"]
    s: Float[Array, "*B S"]


class SCRNProjected(NamedTuple):
    """A x_t and B x_t."""

    h: Float[Array, "*B H"]
    s: Float[Array, "*B S"]


@dataclasses.dataclass(frozen=True)
class SCRN(Cell):
    """Structurally constrained network (Mikolov et al. 2015): a simple network with slow context units beside it.

        s_t = alpha * s_{t-1} + (1 - alpha) * (B x_t)   h_t = sigmoid(A x_t + R h_{t-1} + P s_t)
        y_t = [h_t, s_t]

    The context is a fading sum of the inputs with a time scale of 1 / (1 - alpha) steps, and no nonlinearity: longer
    memory without a gate. The paper reads both out, softmax(U h_t + V s_t): a matrix on y_t is U and V side by side. As
    in the paper there are no biases. The start is this library's: A, B and P with the variance 1 / N of N inputs, R
    orthogonal.

    Attributes:
      hidden_size: H.
      context_size: S; None for H.
      alpha: share of the context that a step keeps, in (0, 1).
      adaptive: whether every context unit learns its own alpha = sigmoid(beta), which begins at `alpha`.
      input_init: how A and B are drawn.
      recurrent_init: how R is drawn.
      context_init: how P is drawn.
    """

    hidden_size: int
    context_size: int | None = None
    alpha: float = 0.95
    adaptive: bool = False
    input_init: Initializer = Gaussian()
    recurrent_init: Initializer = OrthogonalPerGate()
    context_init: Initializer = Gaussian()

    def __post_init__(self):
        check_fields(self)
        checks.positive("alpha", self.alpha)
        if self.alpha >= 1:
            raise ValueError(f"alpha must be below 1, got {self.alpha}: the context would never see an input.")

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_s, key_x, key_h, key_p = jax.random.split(key, 4)
        h, s = self.hidden_size, self.context_size or self.hidden_size
        to_context, to_hidden = self.input_init(key_s, (input_size, s)), self.input_init(key_x, (input_size, h))
        return SCRNParams(
            w_x=jnp.concatenate([to_context, to_hidden], axis=-1),
            w_h=self.recurrent_init(key_h, (h, h)),
            w_s=self.context_init(key_p, (s, h)),
            beta=jnp.full((s,), math.log(self.alpha / (1 - self.alpha))) if self.adaptive else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        s, h = weights.w_s.shape
        dtype = weights.w_s.dtype
        return SCRNCarry(h=jnp.zeros((*batch_shape, h), dtype), s=jnp.zeros((*batch_shape, s), dtype))

    def project(self, weights, x, key=None):
        s, h = jnp.split(x @ weights.w_x, [weights.w_s.shape[0]], axis=-1)
        return SCRNProjected(h=h, s=s)

    def step(self, weights, carry, z, dot=dot):
        alpha = self.alpha if weights.beta is None else sigmoid(weights.beta)
        s = alpha * carry.s + (1 - alpha) * z.s
        h = sigmoid(z.h + dot(carry.h, weights.w_h) + dot(s, weights.w_s))
        return SCRNCarry(h=h, s=s)

    def output(self, weights, carry, z):
        return jnp.concatenate([carry.h, carry.s], axis=-1)
