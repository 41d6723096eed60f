"""The real-gated linear recurrent unit."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid, softplus
from jaxtyping import Array, Bool, Float

from recurrax._util import checks
from recurrax._util.float_leaves import at_least_float32
from recurrax.cell import Cell, dot
from recurrax.cells._base.fields import check_fields
from recurrax.initializers import Gaussian, Initializer, Zeros


class RGLRUParams(NamedTuple):
    """Parameters of `RGLRU`; of the gates side by side in the order r, i."""

    logit_a: Float[Array, "H"]
    w_x: Float[Array, "D 2*H"]
    b: Float[Array, "2*H"]
    w_p: Float[Array, "D H"] | None


class RGLRUCarry(NamedTuple):
    """State of `RGLRU`."""

    h: Float[Array, "*B H"]
    fresh: Bool[Array, "*B"] | None
    """Whether no step has been made yet; None where that does not matter."""


class RGLRUProjected(NamedTuple):
    """Gates and normalised input, which x_t alone decides."""

    r: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    a: Float[Array, "*B H"]
    n: Float[Array, "*B H"]
    x: Float[Array, "*B H"] | None
    """The input itself; None where every step normalises it."""


class RGLRUGates(NamedTuple):
    """The gates of `RGLRU`, and the share a_t of the state that they leave."""

    r: Float[Array, "*B H"]
    i: Float[Array, "*B H"]
    a: Float[Array, "*B H"]


@dataclasses.dataclass(frozen=True)
class RGLRU(Cell):
    """Real-gated linear recurrent unit (De et al. 2024: Griffin), the recurrence of RecurrentGemma.

        r, i = sigmoid(W x_t + b)                       a_t = a^(c r),  a = sigmoid(Lambda)
        h_t = a_t * h_{t-1} + n * i                     n = sqrt(1 - a_t^2) * x_t

    Gates that look at the input only keep the recurrence linear. r near 0 holds the state and shuts out the input at
    once; the root gives the state the variance of what is written.

    a_t is computed as exp(-c r softplus(-Lambda)) and 1 - a_t^2 from its logarithm by `expm1`, which does not cancel
    where a_t is near 1. The slope of the root, infinite at 0, is finite at all numbers that remain, so that it is not
    clipped, as it is in the authors' code. There the gates have block-diagonal matrices and Lambda the other sign, and
    a rather than a^c is drawn between the ends, its square uniformly. x_t is as wide as the state; where D is not H,
    P x_t stands in its place.

    The authors' code does not multiply x_1 by the root, nor the first x_t after a reset: with `scale_first=False` it is
    so here. Then the carry says whether a step is the first one that it sees, which a mask takes no step from and a
    reset renews; a carry that is handed on from another run says no. That is no linear recurrence any more.

    Attributes:
      hidden_size: H.
      c: the power of a that r = 1 gives.
      scale_first: whether the root multiplies the first input as well, as in the paper.
      decay_min, decay_max: a^c is drawn uniformly between them, 0 < decay_min <= decay_max < 1.
      input_init: how W and P are drawn.
      bias_init: how b is drawn.
    """

    hidden_size: int
    c: float = 8.0
    decay_min: float = 0.9
    decay_max: float = 0.999
    scale_first: bool = True
    input_init: Initializer = Gaussian()
    bias_init: Initializer = Zeros()

    def __post_init__(self):
        check_fields(self)
        checks.positive("c", self.c)
        if not 0 < self.decay_min <= self.decay_max < 1:
            raise ValueError(
                "decay_min and decay_max must satisfy 0 < decay_min <= decay_max < 1, "
                f"got decay_min={self.decay_min}, decay_max={self.decay_max}."
            )

    @property
    def linear(self):
        """True where all steps are alike."""
        return self.scale_first

    def init(self, key, input_size):
        checks.size("input_size", input_size)
        key_a, key_x, key_b, key_p = jax.random.split(key, 4)
        h = self.hidden_size
        log_a = jnp.log(jax.random.uniform(key_a, (h,), minval=self.decay_min, maxval=self.decay_max)) / self.c
        return RGLRUParams(
            logit_a=log_a - jnp.log(-jnp.expm1(log_a)),
            w_x=self.input_init(key_x, (input_size, 2 * h), gates=2),
            b=self.bias_init(key_b, (2 * h,), gates=2),
            w_p=self.input_init(key_p, (input_size, h)) if input_size != h else None,
        )

    def initial_carry(self, weights, batch_shape=()):
        h = jnp.zeros((*batch_shape, self.hidden_size), weights.logit_a.dtype)
        return RGLRUCarry(h, fresh=None if self.scale_first else jnp.ones(batch_shape, bool))

    def project(self, weights, x, key=None):
        a_x = x @ weights.w_x + weights.b
        # Where a gate is nearly closed the root is steep, which 16 bits do not reach.
        r, i = jnp.split(sigmoid(at_least_float32(a_x)), 2, axis=-1)
        log_a = -self.c * r * softplus(-at_least_float32(weights.logit_a))
        rest = -jnp.expm1(2 * log_a)
        # The root's slope at 0 is infinite, and what it is multiplied by is 0 there.
        root = jnp.where(rest > 0, jnp.sqrt(jnp.where(rest > 0, rest, 1)), 0)
        x = x if weights.w_p is None else x @ weights.w_p
        r, i, a, n = (part.astype(a_x.dtype) for part in (r, i, jnp.exp(log_a), root * at_least_float32(x)))
        return RGLRUProjected(r, i, a, n, x=None if self.scale_first else x)

    def gates(self, weights, carry, z, dot=dot):
        return RGLRUGates(z.r, z.i, z.a)

    def step(self, weights, carry, z, dot=dot):
        _, i, a = self.gates(weights, carry, z, dot)
        if self.scale_first:
            return RGLRUCarry(a * carry.h + i * z.n, fresh=None)
        n = jnp.where(carry.fresh[..., None], z.x, z.n)
        return RGLRUCarry(a * carry.h + i * n, fresh=jnp.zeros_like(carry.fresh))

    def retention(self, gates):
        return gates.a
